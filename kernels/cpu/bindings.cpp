// The Python module: turns arguments into plain descriptions, and lets go of the interpreter.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <thread>

#include "blas.h"
#include "isa.h"
#include "plan.h"
#include "pool.h"

namespace nb = nanobind;
using namespace mlpcore;

namespace {

struct Stepped {
    nb::object array;
    int64_t byte_stride;
};

Kind kind_of(const Py_buffer& view) {
    const char* format = view.format ? view.format : "B";
    if (*format == '<' || *format == '=' || *format == '@') ++format;
    if (format[0] == 0 || format[1] != 0) return Kind::other;
    switch (format[0]) {
        case 'f': return Kind::float32;
        case 'd': return Kind::float64;
        case 'l':
        case 'q': return view.itemsize == 8 ? Kind::int64 : Kind::other;
        case 'L':
        case 'Q': return view.itemsize == 8 ? Kind::uint64 : Kind::other;
        case '?': return Kind::boolean;
        default: return Kind::other;
    }
}

// The buffer protocol rather than DLPack: it says whether an array is read-only.
Array describe(nb::handle object) {
    Array array;
    if (object.is_none()) return array;
    Stepped* stepped = nullptr;
    if (nb::try_cast<Stepped*>(object, stepped) && stepped) {
        array = describe(stepped->array);
        array.step_stride = stepped->byte_stride;
        return array;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_FULL_RO) != 0) {
        PyErr_Clear();
        throw nb::type_error(("expected a NumPy array or None, got " +
                              nb::cast<std::string>(nb::str(object.type().attr("__name__"))))
                                 .c_str());
    }
    array.kind = kind_of(view);
    array.data = (char*)view.buf;
    array.axes = view.ndim;
    array.writable = !view.readonly;
    const bool fits = view.ndim <= max_axes;
    for (int i = 0; fits && i < view.ndim; ++i)
        array.shape[i] = view.shape[i], array.strides[i] = view.strides[i];
    PyBuffer_Release(&view);
    if (!fits)
        throw std::invalid_argument("expected an array of at most " + std::to_string(max_axes) +
                                    " axes");
    return array;
}

Parameter describe_parameter(nb::handle value) {
    Parameter parameter;
    if (value.is_none()) return parameter;
    if (PyFloat_Check(value.ptr())) {
        parameter.form = Parameter::real;
        parameter.number = PyFloat_AS_DOUBLE(value.ptr());
    } else if (PyLong_Check(value.ptr())) {
        parameter.form = Parameter::integer;
        parameter.number = PyLong_AsDouble(value.ptr());
        parameter.whole = PyLong_AsUnsignedLongLongMask(value.ptr());
        if (PyErr_Occurred()) throw nb::python_error();
    } else if (PyUnicode_Check(value.ptr())) {
        parameter.form = Parameter::text;
        parameter.word = nb::cast<std::string>(value);
    } else {
        parameter.form = Parameter::array;
        parameter.values = describe(value);
    }
    return parameter;
}

Arguments describe_arguments(nb::sequence inputs, nb::sequence outputs, nb::dict parameters) {
    Arguments arguments;
    for (nb::handle array : inputs) arguments.inputs.push_back(describe(array));
    for (nb::handle array : outputs) arguments.outputs.push_back(describe(array));
    for (auto [name, value] : parameters)
        arguments.parameters.emplace_back(nb::cast<std::string>(name), describe_parameter(value));
    return arguments;
}

// A plan, and what keeps its arrays alive.
// Releases the GIL. A daemon thread that asks for it back after the interpreter's end is ended by
// unwinding its stack, which no destructor lets through; it sleeps till the process is gone, as
// Python itself has it from 3.14 on.
class WithoutGil {
  public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

  private:
    PyThreadState* state_;
};

class RecordedPlan {
  public:
    explicit RecordedPlan(int threads) : plan_(threads) {}

    void add(const std::string& name, nb::sequence inputs, nb::sequence outputs,
             nb::dict parameters) {
        plan_.add(bind_operation(name, describe_arguments(inputs, outputs, parameters), true));
        for (nb::handle array : inputs) alive_.append(array);
        for (nb::handle array : outputs) alive_.append(array);
        for (auto [key, value] : parameters) alive_.append(value);
    }
    void finish() { plan_.finish(); }

    nb::object run(int64_t first, int64_t last, nb::object active) {
        const Array mask = describe(active);
        const int64_t members = plan_.members();
        if (mask.kind != Kind::none && (mask.kind != Kind::boolean || mask.axes != 1 ||
                                        mask.shape[0] != members || mask.strides[0] != 1))
            throw std::invalid_argument(
                "Plan.run: active is not a contiguous bool array of shape (" +
                std::to_string(members) + ",)");
        int64_t* stopped = new int64_t[(size_t)members];
        nb::capsule owner(stopped, [](void* p) noexcept { delete[] static_cast<int64_t*>(p); });
        {
            WithoutGil released;
            plan_.run(first, last, (const bool*)mask.data, stopped);
        }
        return nb::cast(
            nb::ndarray<nb::numpy, int64_t, nb::ndim<1>>(stopped, {(size_t)members}, owner));
    }
    std::vector<std::string> describe_steps() const { return plan_.describe(); }

  private:
    Plan plan_;
    nb::list alive_;
};

void call(const std::string& name, nb::sequence inputs, nb::sequence outputs, nb::dict parameters,
          int threads) {
    Operation operation =
        bind_operation(name, describe_arguments(inputs, outputs, parameters), false);
    WithoutGil released;
    run_now(std::move(operation), threads > 0 ? threads : available_processors());
}

nb::dict info() {
    nb::dict result;
    result["instruction_set"] = instruction_set().name;
    result["instruction_sets"] = instruction_sets_compiled_in();
#if defined(__clang__)
    result["compiler"] = "Clang " __clang_version__;
#elif defined(__GNUC__)
    result["compiler"] = "GCC " __VERSION__;
#else
    result["compiler"] = "MSVC";
#endif
    result["wants_blas"] = wants_blas();
    result["threads"] = available_processors();
    return result;
}

}  // namespace

NB_MODULE(_cpu, m) {
    m.doc() = "The fused kernels of mlpcore for the CPU.";
    // What a daemon thread still holds at the interpreter's end is no leak.
    nb::set_leak_warnings(false);
    nb::register_exception_translator([](const std::exception_ptr& p, void*) {
        try {
            std::rethrow_exception(p);
        } catch (const TypeError& error) {
            PyErr_SetString(PyExc_TypeError, error.what());
        } catch (const IndexError& error) {
            PyErr_SetString(PyExc_IndexError, error.what());
        }
    });
    nb::class_<Stepped>(m, "Stepped",
                        "An array that moves by `byte_stride` bytes from step to step of a plan.")
        .def(
            "__init__",
            [](Stepped* self, nb::object array, int64_t byte_stride) {
                new (self) Stepped{array, byte_stride};
            },
            nb::arg("array"), nb::arg("byte_stride"));
    nb::class_<RecordedPlan>(m, "Plan",
                             "A recorded step: calls bound once, replayed on the same arrays.")
        .def(nb::init<int>(), nb::arg("threads"))
        .def("add", &RecordedPlan::add, nb::arg("name"), nb::arg("inputs"), nb::arg("outputs"),
             nb::arg("parameters"))
        .def("finish", &RecordedPlan::finish)
        .def("run", &RecordedPlan::run, nb::arg("first"), nb::arg("last"),
             nb::arg("active") = nb::none())
        .def("describe", &RecordedPlan::describe_steps);
    m.def("names", &primitive_names, "The primitives there are kernels for.");
    m.def("call", &call, nb::arg("name"), nb::arg("inputs"), nb::arg("outputs"),
          nb::arg("parameters"), nb::arg("threads") = 0, "Runs one primitive now.");
    m.def("set_blas", &set_blas, nb::arg("sgemm"), nb::arg("dgemm"), nb::arg("integer_bytes"),
          nb::arg("set_threads") = 0, nb::arg("get_threads") = 0);
    m.def("info", &info);
    m.def("use_instruction_set", &use_instruction_set, nb::arg("name"));
}
