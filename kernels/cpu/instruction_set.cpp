// Compiled once for each instruction set, with that set's flags and in a namespace of its own.

#include "loops/columns.h"
#include "loops/gather.h"
#include "loops/losses.h"
#include "loops/normalization.h"
#include "loops/permutation.h"
#include "loops/product.h"
#include "loops/softmax.h"
#include "loops/updates.h"

#define MLPCORE_TEXT_(name) #name
#define MLPCORE_TEXT(name) MLPCORE_TEXT_(name)
#define MLPCORE_JOIN_(a, b) a##b
#define MLPCORE_JOIN(a, b) MLPCORE_JOIN_(a, b)

MLPCORE_BEGIN

// Which of a derivative's inputs dy, x, y it does without.
template <template <class> class F>
constexpr unsigned unread = (F<float>::reads_x ? 0 : 1 << 1) | (F<float>::reads_y ? 0 : 1 << 2);

#define BOTH(name, ...) {name, __VA_ARGS__<float>, __VA_ARGS__<double>}
#define ACTIVATION(name, F)                                                                        \
    {name, activation<F, float>, activation<F, double>}, {                                         \
        name "_backward", activation_backward<F, float>, activation_backward<F, double>, unread<F> \
    }
#define LOSS(name, F) {name, elementwise_loss<F, float>, elementwise_loss<F, double>}
#define UPDATE(name, F) {name, update<F, float>, update<F, double>}

// For each member the activation that the first parameter names by its place among them; the
// parameters behind it are the activation's own.
template <int backward, class T>
void activation_by_member(const Work& w);

const NamedLoop loops[] = {
    ACTIVATION("identity", Identity),
    ACTIVATION("step", Step),
    ACTIVATION("sigmoid", Sigmoid),
    ACTIVATION("tanh", Tanh),
    ACTIVATION("relu", Relu),
    ACTIVATION("leaky_relu", LeakyRelu),
    ACTIVATION("elu", Elu),
    ACTIVATION("selu", Selu),
    ACTIVATION("gelu", Gelu),
    ACTIVATION("gelu_tanh", GeluTanh),
    ACTIVATION("silu", Silu),
    ACTIVATION("mish", Mish),
    ACTIVATION("softplus", Softplus),
    ACTIVATION("hard_sigmoid", HardSigmoid),
    ACTIVATION("hard_tanh", HardTanh),
    ACTIVATION("exponential", Exponential),
    {"activation_by_member", activation_by_member<0, float>, activation_by_member<0, double>},
    {"activation_by_member_backward", activation_by_member<1, float>,
     activation_by_member<1, double>},
    {"softmax", softmax<false, float>, softmax<false, double>},
    {"softmax_backward", softmax_backward<false, float>, softmax_backward<false, double>, 1 << 1},
    {"log_softmax", softmax<true, float>, softmax<true, double>},
    {"log_softmax_backward", softmax_backward<true, float>, softmax_backward<true, double>, 1 << 1},
    BOTH("logsumexp", logsumexp),
    {"logsumexp_backward", logsumexp_backward<float>, logsumexp_backward<double>, 1 << 2},
    BOTH("affine_bias_gradient", bias_gradient),
    BOTH("join_parts", join_parts),
    BOTH("pack_slices", pack_slices),
    BOTH("dropout", dropout),
    BOTH("mask_columns", mask_columns),
    BOTH("batch_norm", batch_norm),
    BOTH("batch_norm_backward", batch_norm_backward),
    BOTH("layer_norm", layer_norm),
    BOTH("layer_norm_backward", layer_norm_backward),
    BOTH("layer_norm_parameters", layer_norm_parameters),
    BOTH("normalize", normalize),
    BOTH("running_average", running_average),
    {"softmax_cross_entropy_labels", softmax_cross_entropy<true, float>,
     softmax_cross_entropy<true, double>},
    {"softmax_cross_entropy", softmax_cross_entropy<false, float>,
     softmax_cross_entropy<false, double>},
    LOSS("sigmoid_binary_cross_entropy", SigmoidBinaryCrossEntropy),
    LOSS("squared_error", SquaredError),
    LOSS("absolute_error", AbsoluteError),
    LOSS("huber", Huber),
    LOSS("poisson_nll", PoissonNll),
    BOTH("loss_total", loss_total),
    UPDATE("sgd", Sgd),
    UPDATE("momentum", Momentum),
    UPDATE("nesterov", Nesterov),
    UPDATE("rmsprop", Rmsprop),
    UPDATE("adagrad", Adagrad),
    UPDATE("adam", Adam),
    BOTH("gradient_norm", gradient_norm),
    BOTH("gradient_norm_total", gradient_norm_total),
    BOTH("gather_rows", gather_rows),
    {"gather_rows_integer", gather_rows<int64_t>, gather_rows<int64_t>},
    {"permutation", permutation, permutation},
};

constexpr uint64_t activations = 16;

template <int backward, class T>
void activation_by_member(const Work& w) {
    const uint64_t choice = w.values[0].integer;
    if (choice >= activations) {
        *w.out_of_range = true;
        return;
    }
    const NamedLoop& loop = loops[2 * choice + backward];
    Work own = w;
    own.values = w.values + 1;
    (sizeof(T) == sizeof(float) ? loop.float32 : loop.float64)(own);
}

MLPCORE_END

namespace mlpcore {

extern const InstructionSet MLPCORE_JOIN(instruction_set_, MLPCORE_ISA);
const InstructionSet MLPCORE_JOIN(instruction_set_, MLPCORE_ISA) = {
    MLPCORE_TEXT(MLPCORE_ISA),
    MLPCORE_ISA::loops,
    sizeof MLPCORE_ISA::loops / sizeof MLPCORE_ISA::loops[0],
    &MLPCORE_ISA::product_kernels<float>,
    &MLPCORE_ISA::product_kernels<double>,
    MLPCORE_VECTOR_BYTES,
};

}  // namespace mlpcore
