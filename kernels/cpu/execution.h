// Runs bound operations: one member, one part of the axis at a time.
#pragma once

#include <vector>

#include "operation.h"

namespace mlpcore {

// The addresses and parameters of all operations, for one member and one step.
class Frame {
  public:
    explicit Frame(const std::vector<Operation>& operations);
    void enter(int64_t member, int64_t step);
    // To another step of the same member: touches only what moves from step to step.
    void advance(int64_t step);

    // Whether a loop met an index that names no row.
    bool out_of_range = false;

    void** arrays(int operation) { return addresses_.data() + first_address_[operation]; }
    const Value* values(int operation) const { return values_.data() + first_value_[operation]; }

  private:
    struct Moving {
        const Operand* operand;
        size_t place;
    };
    struct MovingValue {
        const Setting* setting;
        size_t place;
    };
    const std::vector<Operation>& operations_;
    std::vector<void*> addresses_;
    std::vector<Value> values_;
    std::vector<size_t> first_address_, first_value_;
    std::vector<Moving> moving_;
    std::vector<MovingValue> moving_values_;
    int64_t member_ = 0;
};

// A part of an operation's axis.
struct Part {
    int64_t begin, end;
    int index = 0, count = 1;
};

// Where a part begins: at a multiple of `unit`, or at whole blocks, so that parts of axes of one
// length agree.
int64_t part_begin(int64_t length, int parts, int index, int64_t unit);
int64_t part_begin(int64_t length, int parts, int index);

struct Step {
    int operation;
    int pass;
    bool by_columns = false;  // products: which axis of C is cut
};

void run_part(const std::vector<Operation>& operations, const Step& step, Frame& frame,
              const Part& part, double* partial);
// All passes of an operation, undivided.
void run_whole(const std::vector<Operation>& operations, int operation, Frame& frame);

void resolve_loops(Operation& operation);

// An operation met an index that names no row.
struct IndexError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Runs a primitive once, over all members.
void run_now(Operation operation, int threads);

}  // namespace mlpcore
