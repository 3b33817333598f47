#include "primitives.h"

#include <limits>
#include <map>
#include <sstream>

namespace mlpcore {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

// "x:n,k" an array of the primitive's type; behind it "#" integers, "~" any type, "@" a loss's
// target, "!" every part reads all of it, "?" may be None; "-" a place the loop has and this
// primitive has not.
std::vector<Slot> slots(const std::string& text) {
    std::vector<Slot> result;
    for (const std::string& word : split(text, ' ')) {
        Slot slot;
        if (word == "-") {
            slot.absent = true;
            result.push_back(slot);
            continue;
        }
        const size_t colon = word.find(':');
        slot.name = word.substr(0, colon);
        std::string axes = word.substr(colon + 1);
        for (; !axes.empty(); axes.pop_back()) {
            const char last = axes.back();
            if (last == '?')
                slot.optional = true;
            else if (last == '!')
                slot.whole = true;
            else if (last == '#')
                slot.type = Type::integer;
            else if (last == '~')
                slot.type = Type::any;
            else if (last == '@')
                slot.type = Type::target;
            else
                break;
        }
        slot.axes = split(axes, ',');
        result.push_back(slot);
    }
    return result;
}

// "epsilon=1e-5" with a default, "rate" without; "#" in front of "=" for integers; "=none" for
// infinity.
std::vector<Option> options(const std::string& text) {
    std::vector<Option> result;
    for (const std::string& word : split(text, ' ')) {
        Option option;
        const size_t equals = word.find('=');
        option.name = word.substr(0, equals);
        option.required = equals == std::string::npos;
        if (option.name.back() == '#') option.integer = true, option.name.pop_back();
        if (!option.required) {
            const std::string value = word.substr(equals + 1);
            option.nullable = value == "none";
            option.fallback =
                option.nullable ? std::numeric_limits<double>::infinity() : std::stod(value);
        }
        result.push_back(option);
    }
    return result;
}

using Table = std::map<std::string, Primitive>;

Primitive& add(Table& table, const std::string& name, const char* inputs, const char* outputs,
               const char* parameters, const char* extents, std::vector<Pass> passes) {
    Primitive& p = table[name];
    p.name = name;
    p.inputs = slots(inputs), p.outputs = slots(outputs), p.options = options(parameters);
    p.extents = split(extents, ' ');
    p.passes = std::move(passes);
    return p;
}

void add_activation(Table& table, const std::string& name, const char* parameters = "") {
    Primitive& forward = add(table, name, "x:*", "y:*", parameters, "n k", {{name, "n"}});
    const std::string back = name + "_backward";
    Primitive& backward =
        add(table, back, "dy:* x:*? y:*?", "dx:*", parameters, "n k", {{back, "n"}});
    for (Primitive* p : {&forward, &backward}) p->elementwise = p->accepts_fewer_axes = true;
}

Primitive& add_rows(Table& table, const std::string& name, const char* inputs,
                    const char* outputs) {
    Primitive& p = add(table, name, inputs, outputs, "", "n k", {{name, "n"}});
    p.accepts_fewer_axes = true, p.elementwise = true;
    p.scratch_tiles = 3, p.cost = 1.0;
    return p;
}

void add_loss(Table& table, const std::string& name, const char* parameters = "") {
    const char* inputs = "z:n,k target:n,k@ sample_weight:n!?";
    const std::vector<Pass> passes = {{name, "n"}, {"loss_total", ""}};
    add(table, name, inputs, "loss: -", parameters, "n k", passes);
    add(table, name + "_value_and_gradient", inputs, "loss: dz:n,k", parameters, "n k", passes);
    add(table, name + "_gradient", inputs, "- dz:n,k", parameters, "n k", passes);
    for (const char* ending : {"", "_value_and_gradient", "_gradient"})
        table[name + ending].scratch_tiles = 3, table[name + ending].cost = 2.0;
}

void add_update(Table& table, const std::string& name, int states, const std::string& parameters) {
    std::string inputs = "theta:p g:p mask:p? norm:?", outputs = "theta:p";
    for (int i = 0; i < states; ++i) {
        const std::string state = " state" + std::to_string(i) + ":p";
        inputs += state, outputs += state;
    }
    const std::string shared =
        "learning_rate step=1 l2=0 weight_decay=0 clip_value=none clip_norm=none ";
    add(table, name, inputs.c_str(), outputs.c_str(), (shared + parameters).c_str(), "p",
        {{name, "p"}});
}

void add_product(Table& table, const std::string& name, const char* inputs, const char* output) {
    add(table, name, inputs, output, "", "n i o", {}).form = Form::product;
}

Table make_table() {
    Table t;
    for (const char* name : {"identity", "step", "sigmoid", "tanh", "relu", "selu", "silu", "mish",
                             "softplus", "hard_sigmoid", "hard_tanh", "exponential", "gelu"})
        add_activation(t, name);
    add_activation(t, "leaky_relu", "negative_slope=0.01");
    add_activation(t, "elu", "alpha=1");
    add_activation(t, "activation_by_member", "choice# parameter=0");

    for (const char* name : {"softmax", "log_softmax"}) {
        add_rows(t, name, "x:n,k", "y:n,k");
        add_rows(t, std::string(name) + "_backward", "dy:n,k x:n,k? y:n,k", "dx:n,k");
    }
    add_rows(t, "logsumexp", "x:n,k", "y:n");
    add_rows(t, "logsumexp_backward", "dy:n x:n,k y:n?", "dx:n,k");

    add_product(t, "affine", "x:n,i weight:i,o bias:o", "z:n,o");
    add_product(t, "affine_input_gradient", "dz:n,o weight:i,o", "dx:n,i");
    add_product(t, "affine_weight_gradient", "x:n,i dz:n,o", "dw:i,o");
    add(t, "affine_bias_gradient", "dz:n,k", "db:k", "", "n k", {{"affine_bias_gradient", "k"}})
        .cost = 0.1;

    add(t, "dropout", "x:n,k", "y:n,k", "rate seed# member#=0 step# layer#=0 width#=none", "n k",
        {{"dropout", "n"}})
        .cost = 1.0;

    add(t, "mask_columns", "x:n,k", "y:n,k", "width#", "n k", {{"mask_columns", "n"}}).cost = 0.1;

    const char* epsilon = "epsilon=1e-5";
    add(t, "batch_norm", "x:n,k gamma:k beta:k", "y:n,k mean:k variance:k", epsilon, "n k",
        {{"batch_norm", "k"}});
    add(t, "batch_norm_backward", "dy:n,k x:n,k gamma:k mean:k variance:k",
        "dx:n,k dgamma:k dbeta:k", epsilon, "n k", {{"batch_norm_backward", "k"}});
    add(t, "layer_norm", "x:n,k gamma:k beta:k", "y:n,k mean:n variance:n", epsilon, "n k",
        {{"layer_norm", "n"}})
        .scratch_tiles = 1;
    Primitive& back = add(t, "layer_norm_backward", "dy:n,k x:n,k gamma:k mean:n variance:n",
                          "dx:n,k dgamma:k dbeta:k", epsilon, "n k",
                          {{"layer_norm_backward", "n"}, {"layer_norm_parameters", "k"}});
    back.scratch_tiles = 3, back.scratch_extent = 0;
    add(t, "normalize", "x:n,k gamma:k beta:k mean:k variance:k", "y:n,k", epsilon, "n k",
        {{"normalize", "n"}})
        .scratch_tiles = 1;
    add(t, "running_average", "running:n value:n", "average:n", "momentum=0.1 scale=1", "n 1",
        {{"running_average", "n"}});

    add_loss(t, "softmax_cross_entropy", "label_smoothing=0");
    add_loss(t, "sigmoid_binary_cross_entropy");
    add_loss(t, "squared_error");
    add_loss(t, "absolute_error");
    add_loss(t, "huber", "delta=1");
    add_loss(t, "poisson_nll");

    add_update(t, "sgd", 0, "");
    add_update(t, "momentum", 1, "momentum=0.9");
    add_update(t, "nesterov", 1, "momentum=0.9");
    add_update(t, "rmsprop", 1, "rho=0.9 epsilon=1e-8");
    add_update(t, "adagrad", 1, "epsilon=1e-10");
    add_update(t, "adam", 2, "beta1=0.9 beta2=0.999 epsilon=1e-8");
    add(t, "gradient_norm", "g:p theta:p mask:p?", "norm:", "l2=0 clip_value=none", "p",
        {{"gradient_norm", "p"}, {"gradient_norm_total", ""}});

    add(t, "gather_rows", "x:N,k~ index:b#", "y:b,k~", "", "b k N", {{"gather_rows", "b"}}).cost =
        0.1;
    add(t, "gather_values", "x:N~ index:b#", "y:b~", "", "b 1 N", {{"gather_rows", "b"}}).cost =
        1.0;
    Primitive& shuffle = add(t, "permutation", "rows:n#", "permuted:n#", "seed# member#=0 epoch#",
                             "n", {{"permutation", ""}});
    shuffle.scratch_extent = 0, shuffle.cost = 10.0;

    add(t, "stop_if_not_finite", "loss:", "", "", "", {}).form = Form::stop;
    return t;
}

const Table& table() {
    static const Table instance = make_table();
    return instance;
}

}  // namespace

const Primitive* find_primitive(const std::string& name) {
    const auto found = table().find(name);
    return found == table().end() ? nullptr : &found->second;
}

std::vector<std::string> primitive_names() {
    std::vector<std::string> names;
    for (const auto& [name, primitive] : table()) names.push_back(name);
    return names;
}

}  // namespace mlpcore
