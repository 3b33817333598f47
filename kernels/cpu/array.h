// Arguments as the binding hands them over: plain descriptions, no Python.
#pragma once

#include <stdint.h>

#include <string>
#include <utility>
#include <vector>

namespace mlpcore {

enum class Kind { none, float32, float64, int64, uint64, boolean, other };

constexpr int max_axes = 8;

struct Array {
    Kind kind = Kind::none;  // none: an absent argument
    char* data = nullptr;
    int axes = 0;
    int64_t shape[max_axes] = {};
    int64_t strides[max_axes] = {};  // bytes
    bool writable = false;
    int64_t step_stride = 0;  // bytes from one step of a plan to the next
};

struct Parameter {
    enum { none, real, integer, text, array } form = none;
    double number = 0;
    uint64_t whole = 0;
    std::string word;
    Array values;
};

struct Arguments {
    std::vector<Array> inputs, outputs;
    std::vector<std::pair<std::string, Parameter>> parameters;
};

inline int64_t item_size(Kind kind) {
    return kind == Kind::float32 ? 4 : kind == Kind::boolean ? 1 : 8;
}

inline const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::float32: return "float32";
        case Kind::float64: return "float64";
        case Kind::int64: return "int64";
        case Kind::uint64: return "uint64";
        case Kind::boolean: return "bool";
        case Kind::none: return "None";
        default: return "another type";
    }
}

}  // namespace mlpcore
