// The table of primitives: their arguments, and the loops that run them.
#pragma once

#include <string>
#include <vector>

namespace mlpcore {

// How the type of an argument follows from the primitive's.
enum class Type { real, integer, any, target };

struct Slot {
    std::string name;
    std::vector<std::string> axes;  // the trailing axes, by name; "*" stands for a whole shape
    Type type = Type::real;
    bool optional = false;
    bool whole = false;   // every part reads all of it, not its own rows only
    bool absent = false;  // the loop has a place for it, this primitive has not
};

struct Option {
    std::string name;
    bool integer = false, required = false, nullable = false;
    double fallback = 0;
};

struct Pass {
    std::string loop;
    std::string axis;  // the axis that is cut over threads; empty: one thread
};

enum class Form { loops, product, stop };

struct Primitive {
    std::string name;
    Form form = Form::loops;
    std::vector<Slot> inputs, outputs;
    std::vector<Option> options;
    std::vector<std::string> extents;  // the axes whose lengths the loops are told
    std::vector<Pass> passes;
    bool elementwise = false;  // one member after another is one long member
    bool accepts_fewer_axes = false;
    double cost = 0.3;      // nanoseconds for each element of the extents' product
    int scratch_tiles = 0;    // of one row block
    int scratch_extent = -1;  // and so many elements of 8 bytes
};

const Primitive* find_primitive(const std::string& name);
std::vector<std::string> primitive_names();

}  // namespace mlpcore
