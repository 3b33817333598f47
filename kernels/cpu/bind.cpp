// Checks the arguments of a primitive against its signature. Refuses, never copies.
#include <algorithm>
#include <cmath>
#include <map>

#include "isa.h"
#include "operation.h"

namespace mlpcore {
namespace {

std::string text_of(const int64_t* shape, int axes) {
    std::string text = "(";
    for (int i = 0; i < axes; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (axes == 1 ? ",)" : ")");
}

class Binder {
  public:
    Binder(const Primitive& primitive, const Arguments& arguments)
        : primitive_(primitive), arguments_(arguments) {}

    Operation run() {
        operation_.primitive = &primitive_;
        sizes_["1"] = 1;
        choose_type();
        bind_slots(primitive_.inputs, arguments_.inputs, "inputs", false);
        bind_slots(primitive_.outputs, arguments_.outputs, "outputs", true);
        for (const std::string& axis : primitive_.extents)
            operation_.extents.push_back(sizes_.at(axis));
        for (const Option& option : primitive_.options) bind_option(option);
        for (const auto& [name, parameter] : arguments_.parameters) check_known(name, parameter);
        check_members();
        choose_passes();
        check_reads();
        if (primitive_.form == Form::product) describe_product();
        return std::move(operation_);
    }

  private:
    [[noreturn]] void refuse(const std::string& argument, const std::string& problem) const {
        throw std::invalid_argument(primitive_.name + ": " + argument + " " + problem);
    }
    [[noreturn]] void refuse_type(const std::string& argument, const std::string& problem) const {
        throw TypeError(primitive_.name + ": " + argument + " " + problem);
    }

    void choose_type() {
        for (size_t i = 0; i < primitive_.inputs.size() && i < arguments_.inputs.size(); ++i) {
            const Kind kind = arguments_.inputs[i].kind;
            const Type type = primitive_.inputs[i].type;
            if (kind == Kind::none || (type != Type::real && type != Type::any)) continue;
            const bool fits = kind == Kind::float32 || kind == Kind::float64 ||
                              (type == Type::any && kind == Kind::int64);
            if (!fits)
                refuse_type(primitive_.inputs[i].name,
                            std::string("has dtype ") + name_of(kind) +
                                ", expected float32 or float64; convert it first");
            type_ = kind;
            break;
        }
        operation_.float32 = type_ == Kind::float32;
    }

    void bind_slots(const std::vector<Slot>& slots, const std::vector<Array>& arrays,
                    const char* what, bool written) {
        size_t given = 0, expected = 0, least = 0;
        for (const Slot& slot : slots) {
            expected += !slot.absent;
            if (!slot.absent && !slot.optional) least = expected;
        }
        if (arrays.size() < least || arrays.size() > expected)
            refuse_type(what, "number " + std::to_string(arrays.size()) + ", expected " +
                                  std::to_string(expected));
        for (const Slot& slot : slots) {
            if (slot.absent) {
                operation_.operands.emplace_back();
                continue;
            }
            const Array absent;
            const Array& array = given < arrays.size() ? arrays[given] : absent;
            ++given;
            bind_array(slot, array, written);
        }
    }

    Kind kind_of(const Slot& slot, const Array& array) const {
        if (slot.type == Type::integer) return Kind::int64;
        if (slot.type == Type::target && array.kind == Kind::int64 && labels_allowed())
            return Kind::int64;
        return type_;
    }
    bool labels_allowed() const { return primitive_.name.rfind("softmax_cross_entropy", 0) == 0; }

    void bind_array(const Slot& slot, const Array& array, bool written) {
        Operand operand;
        if (array.kind == Kind::none) {
            if (!slot.optional) refuse_type(slot.name, "is None, expected an array");
            operation_.operands.push_back(operand);
            return;
        }
        const Kind expected = kind_of(slot, array);
        if (array.kind != expected)
            refuse_type(slot.name, std::string("has dtype ") + name_of(array.kind) + ", expected " +
                                       name_of(expected) + "; convert it first");
        if (written && !array.writable)
            refuse(slot.name, "is read-only, expected an array that can be written to");
        const int64_t item = item_size(array.kind);
        if ((uintptr_t)array.data % item != 0 || array.step_stride % item != 0)
            refuse_type(slot.name, "is not aligned to its item size; copy it first");
        std::vector<std::string> axes = slot.axes;
        if (slot.type == Type::target && array.kind == Kind::int64) axes.pop_back(), labels_ = true;
        const int trailing = axes == std::vector<std::string>{"*"} ? bind_whole(slot, array)
                                                                   : bind_axes(slot, array, axes);
        collapse_members(slot, array, trailing, operand);
        operand.base = array.data;
        operand.step_stride = array.step_stride;
        operand.written = written;
        operand.bytes = item;
        for (int i = array.axes - trailing; i < array.axes; ++i) operand.bytes *= array.shape[i];
        first_axes_.resize(operation_.operands.size() + 1);
        first_axes_.back() = axes.empty() || slot.whole ? "" : axes[0] == "*" ? "n" : axes[0];
        operation_.operands.push_back(operand);
    }

    // Any shape: the last two axes are rows and columns, or the last one is the rows.
    int bind_whole(const Slot& slot, const Array& array) {
        const int trailing = std::min(array.axes, 2);
        const int64_t n = array.axes == 0 ? 1 : array.shape[array.axes - trailing];
        const int64_t k = array.axes < 2 ? 1 : array.shape[array.axes - 1];
        set_size(slot, array, "n", n), set_size(slot, array, "k", k);
        check_contiguous(slot, array, trailing);
        return trailing;
    }

    int bind_axes(const Slot& slot, const Array& array, const std::vector<std::string>& axes) {
        const int wanted = (int)axes.size(), missing = std::max(0, wanted - array.axes);
        if (missing > 0 && !(primitive_.accepts_fewer_axes && missing == 1))
            refuse(slot.name, "has shape " + text_of(array.shape, array.axes) +
                                  ", expected at least " + std::to_string(wanted) + " axes");
        const int trailing = wanted - missing;
        for (int i = 0; i < missing; ++i) set_size(slot, array, axes[i], 1);
        for (int i = 0; i < trailing; ++i)
            set_size(slot, array, axes[missing + i], array.shape[array.axes - trailing + i]);
        check_contiguous(slot, array, trailing);
        return trailing;
    }

    void set_size(const Slot& slot, const Array& array, const std::string& axis, int64_t size) {
        const auto [known, fresh] = sizes_.emplace(axis, size);
        if (!fresh && known->second != size)
            refuse(slot.name, "has shape " + text_of(array.shape, array.axes) + ", expected " +
                                  std::to_string(known->second) + " instead of " +
                                  std::to_string(size) + ", as the arguments before it have");
    }

    void check_contiguous(const Slot& slot, const Array& array, int trailing) const {
        int64_t expected = item_size(array.kind);
        for (int i = array.axes - 1; i >= array.axes - trailing; --i) {
            if (array.shape[i] == 0) return;
            if (array.shape[i] != 1 && array.strides[i] != expected)
                refuse_type(slot.name, "is not C-contiguous in its last " +
                                           std::to_string(trailing) +
                                           " axes; copy it with numpy.ascontiguousarray");
            expected *= array.shape[i];
        }
    }

    // The leading axes become one axis of members with one stride.
    void collapse_members(const Slot& slot, const Array& array, int trailing, Operand& operand) {
        int64_t members = 1, stride = 0;
        for (int i = array.axes - trailing - 1; i >= 0; --i) {
            if (array.shape[i] == 1) continue;
            if (members == 1)
                stride = array.strides[i];
            else if (array.strides[i] != stride * members)
                refuse_type(slot.name,
                            "has leading axes that are not evenly spaced; copy it with "
                            "numpy.ascontiguousarray");
            members *= array.shape[i];
        }
        operand.members = members;
        operand.member_stride = members == 1 ? 0 : stride;
        note_members(slot.name, members);
    }

    void note_members(const std::string& argument, int64_t members) {
        if (members == 1) return;
        if (operation_.members != 1 && operation_.members != members)
            refuse(argument, "has " + std::to_string(members) + " members, expected " +
                                 std::to_string(operation_.members));
        operation_.members = members;
    }

    void check_members() const {
        if (operation_.members == 1) return;
        const size_t inputs = primitive_.inputs.size();
        for (size_t i = 0; i < primitive_.outputs.size(); ++i) {
            const Operand& output = operation_.operands[inputs + i];
            if (output.base && output.members != operation_.members)
                refuse(primitive_.outputs[i].name,
                       "has no axis of members, expected " + std::to_string(operation_.members));
        }
    }

    void bind_option(const Option& option) {
        Setting setting;
        setting.integer = option.integer;
        const Parameter* given = nullptr;
        for (const auto& [name, parameter] : arguments_.parameters)
            if (name == option.name) given = &parameter;
        if (!given || (given->form == Parameter::none && option.nullable)) {
            if (option.required) refuse_type(option.name, "is missing");
            if (option.integer)
                setting.fixed.integer = option.nullable ? UINT64_MAX : (uint64_t)option.fallback;
            else
                setting.fixed.real = option.fallback;
        } else if (given->form == Parameter::array) {
            bind_values(option, given->values, setting);
        } else if (given->form == Parameter::integer) {
            if (option.integer)
                setting.fixed.integer = given->whole;
            else
                setting.fixed.real = given->number;
        } else if (given->form == Parameter::real && !option.integer) {
            setting.fixed.real = given->number;
        } else {
            refuse_type(option.name, option.integer ? "is no integer" : "is no number");
        }
        operation_.settings.push_back(setting);
    }

    void bind_values(const Option& option, const Array& array, Setting& setting) {
        const bool whole = array.kind == Kind::int64 || array.kind == Kind::uint64;
        if (!whole && (option.integer || array.kind != Kind::float64))
            refuse_type(option.name, std::string("has dtype ") + name_of(array.kind) +
                                         ", expected " +
                                         (option.integer ? "int64 or uint64" : "float64") +
                                         "; convert it first");
        Slot slot;
        slot.name = option.name;
        Operand operand;
        collapse_members(slot, array, 0, operand);
        setting.base = array.data;
        setting.member_stride = operand.member_stride;
        setting.step_stride = array.step_stride;
        setting.kind = array.kind;
    }

    void check_known(const std::string& name, const Parameter& parameter) {
        for (const Option& option : primitive_.options)
            if (option.name == name) return;
        if (name == "approximate" && primitive_.name.rfind("gelu", 0) == 0) {
            if (parameter.word != "none" && parameter.word != "tanh")
                refuse("approximate", "is '" + parameter.word + "', expected 'none' or 'tanh'");
            variant_ = parameter.word == "tanh" ? "gelu_tanh" + primitive_.name.substr(4) : "";
            return;
        }
        refuse_type(name, "is no parameter of this primitive");
    }

    void choose_passes() {
        operation_.passes = primitive_.passes;
        if (!variant_.empty()) operation_.passes[0].loop = variant_;
        if (labels_) operation_.passes[0].loop += "_labels";
        if (type_ == Kind::int64 && !operation_.passes.empty() &&
            operation_.passes[0].loop == "gather_rows")
            operation_.passes[0].loop = "gather_rows_integer";
        for (const Pass& pass : operation_.passes)
            operation_.lengths.push_back(pass.axis.empty() ? 1 : sizes_.at(pass.axis));
        if (operation_.passes.empty()) return;
        first_axes_.resize(operation_.operands.size());
        for (size_t i = 0; i < operation_.operands.size(); ++i)
            operation_.operands[i].by_rows =
                first_axes_[i] == operation_.passes[0].axis && !first_axes_[i].empty();
    }

    // An argument that the loop never looks at may be None; where it may be but is read, it may
    // not.
    void check_reads() {
        if (operation_.passes.empty()) return;
        const unsigned unread = find_loop(operation_.passes[0].loop).unread;
        for (size_t i = 0; i < operation_.operands.size(); ++i) {
            if (unread >> i & 1)
                operation_.operands[i].base = nullptr;
            else if (unread && !operation_.operands[i].base)
                refuse_type(primitive_.inputs[i].name, "is None, expected an array");
        }
    }

    void describe_product() {
        Operation::Product& p = operation_.product;
        const int64_t n = sizes_.at("n"), i = sizes_.at("i"), o = sizes_.at("o");
        if (primitive_.name == "affine")  // x W + b
            p = {.m = n, .n = o, .k = i, .a_row = i, .a_column = 1, .b_row = o, .b_column = 1,
                 .c = 3, .bias = 2};
        else if (primitive_.name == "affine_input_gradient")  // dz W'
            p = {.m = n, .n = i, .k = o, .a_row = o, .a_column = 1, .b_row = 1, .b_column = o};
        else  // x' dz
            p = {.m = i, .n = o, .k = n, .a_row = 1, .a_column = i, .b_row = o, .b_column = 1};
        operation_.lengths = {p.m};
        operation_.operands[p.c].by_rows = true;
        operation_.operands[0].by_rows = primitive_.name != "affine_weight_gradient";
    }

    const Primitive& primitive_;
    const Arguments& arguments_;
    Operation operation_;
    Kind type_ = Kind::float32;
    bool labels_ = false;
    std::string variant_;
    std::map<std::string, int64_t> sizes_;
    std::vector<std::string> first_axes_;
};

}  // namespace

Value Setting::at(int64_t member, int64_t step) const {
    if (!base) return fixed;
    const char* place = base + member * member_stride + step * step_stride;
    Value value;
    if (kind == Kind::float64)
        value.real = *(const double*)place;
    else if (integer)
        value.integer = *(const uint64_t*)place;
    else if (kind == Kind::int64)
        value.real = (double)*(const int64_t*)place;
    else
        value.real = (double)*(const uint64_t*)place;
    return value;
}

double Operation::cost() const {
    if (primitive->form == Form::stop) return 1;
    if (primitive->form == Form::product)
        return 2e-2 * (double)product.m * (double)product.n * (double)product.k * (float32 ? 1 : 2);
    double elements = 1;
    for (size_t i = 0; i < extents.size() && i < 2; ++i) elements *= (double)extents[i];
    return elements * primitive->cost * (float32 ? 1 : 2);
}

size_t Operation::scratch_bytes() const {
    if (primitive->scratch_tiles == 0 && primitive->scratch_extent < 0) return 0;
    const size_t k = extents.size() > 1 ? (size_t)extents[1] : 1;
    const size_t tile =
        std::max<size_t>(k * 16, 16) * 8 + 64;  // rows of a narrow tile, or one wide row
    const size_t by_extent =
        primitive->scratch_extent < 0 ? 0 : (size_t)extents[primitive->scratch_extent] * 8;
    const size_t wide = (k + 64) * 8;
    return (size_t)primitive->scratch_tiles * (k <= 48 ? tile : wide) + by_extent + 64;
}

Operation bind_operation(const std::string& name, const Arguments& arguments, bool in_plan) {
    const Primitive* primitive = find_primitive(name);
    if (!primitive)
        throw std::invalid_argument("there is no primitive called " + name + "; see names()");
    if (primitive->form == Form::stop && !in_plan)
        throw std::invalid_argument(name + " works in a plan only");
    return Binder(*primitive, arguments).run();
}

}  // namespace mlpcore
