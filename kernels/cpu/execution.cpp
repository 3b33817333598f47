#include "execution.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "blas.h"
#include "buffer.h"
#include "isa.h"
#include "pool.h"
#include "run_product.h"

namespace mlpcore {
namespace {

thread_local Buffer scratch;

}  // namespace

Frame::Frame(const std::vector<Operation>& operations) : operations_(operations) {
    for (const Operation& operation : operations) {
        first_address_.push_back(addresses_.size());
        first_value_.push_back(values_.size());
        for (const Operand& operand : operation.operands) {
            if (operand.base && operand.step_stride != 0)
                moving_.push_back({&operand, addresses_.size()});
            addresses_.push_back(nullptr);
        }
        for (const Setting& setting : operation.settings) {
            if (setting.base && setting.step_stride != 0)
                moving_values_.push_back({&setting, values_.size()});
            values_.push_back(setting.fixed);
        }
    }
}

void Frame::enter(int64_t member, int64_t step) {
    member_ = member;
    size_t address = 0, value = 0;
    for (const Operation& operation : operations_) {
        for (const Operand& operand : operation.operands)
            addresses_[address++] = operand.base ? operand.at(member, step) : nullptr;
        for (const Setting& setting : operation.settings)
            values_[value++] = setting.at(member, step);
    }
}

void Frame::advance(int64_t step) {
    for (const Moving& m : moving_) addresses_[m.place] = m.operand->at(member_, step);
    for (const MovingValue& m : moving_values_) values_[m.place] = m.setting->at(member_, step);
}

int64_t part_begin(int64_t length, int parts, int index, int64_t unit) {
    return std::min(length, round_up((length * index + parts - 1) / parts, unit));
}

int64_t part_begin(int64_t length, int parts, int index) {
    const int64_t unit = length >= 1024 * parts ? 64 : length >= 16 * parts ? 4 : 1;
    return part_begin(length, parts, index, unit);
}

void resolve_loops(Operation& operation) {
    operation.loops.clear();
    const auto resolve = [&](const std::string& name) {
        const NamedLoop& loop = find_loop(name);
        operation.loops.push_back(operation.float32 ? loop.float32 : loop.float64);
    };
    for (const Pass& pass : operation.passes) resolve(pass.loop);
    if (operation.primitive->form == Form::product) {
        resolve("affine_bias_gradient");
        const InstructionSet& set = instruction_set();
        operation.product.kernels = operation.float32 ? set.float32 : set.float64;
    }
    operation.scratch = operation.scratch_bytes();
}

void run_part(const std::vector<Operation>& operations, const Step& step, Frame& frame,
              const Part& part, double* partial) {
    const Operation& operation = operations[step.operation];
    if (operation.primitive->form == Form::product)
        return run_product(operations, step, frame, part);
    Work work{};
    work.arrays = frame.arrays(step.operation), work.values = frame.values(step.operation);
    work.extents = operation.extents.data();
    work.begin = part.begin, work.end = part.end;
    work.partial = partial, work.parts = part.count;
    work.out_of_range = &frame.out_of_range;
    if (operation.scratch > 0) work.scratch = scratch.at_least(operation.scratch);
    operation.loops[step.pass](work);
}

void run_whole(const std::vector<Operation>& operations, int index, Frame& frame) {
    const Operation& operation = operations[index];
    double partial[partial_size];
    const int passes = (int)operation.lengths.size();
    for (int pass = 0; pass < passes; ++pass)
        run_part(operations, Step{index, pass}, frame, Part{0, operation.lengths[pass]}, partial);
}

void run_now(Operation operation, int threads) {
    resolve_loops(operation);
    const auto dense = [&](const Operand& o) {
        return !o.base || (o.members == operation.members && o.member_stride == o.bytes);
    };
    const auto alike = [](const Setting& s) { return s.member_stride == 0; };
    const bool flat = operation.primitive->elementwise &&
                      std::all_of(operation.operands.begin(), operation.operands.end(), dense) &&
                      std::all_of(operation.settings.begin(), operation.settings.end(), alike);
    if (operation.members > 1 && flat) {
        operation.lengths[0] *= operation.members, operation.extents[0] *= operation.members;
        operation.members = 1;
    }
    const std::vector<Operation> operations{std::move(operation)};
    const Operation& op = operations[0];
    constexpr double worth_a_thread = 20000;  // nanoseconds
    const double cost = op.cost() * (double)op.members;
    threads = (int)std::min<double>(threads, std::max(1.0, cost / worth_a_thread));
    SingleThreadedBlas single;
    std::atomic<bool> out_of_range{false};
    if (op.members == 1) {
        std::vector<double> partial((size_t)threads * partial_size);
        int joined = 1;
        for (int pass = 0; pass < (int)op.lengths.size(); ++pass) {
            const bool joins = op.primitive->form == Form::loops && op.passes[pass].axis.empty();
            const int parts = joins ? 1 : threads;
            if (!joins) joined = parts;
            std::atomic<int> next{0};
            run_on_threads(parts, [&](int) {
                Frame frame(operations);
                frame.enter(0, 0);
                for (int i; (i = next.fetch_add(1)) < parts;) {
                    const Part part{part_begin(op.lengths[pass], parts, i),
                                    part_begin(op.lengths[pass], parts, i + 1), i, joined};
                    run_part(operations, Step{0, pass}, frame, part,
                             partial.data() + (size_t)i * partial_size);
                }
                if (frame.out_of_range) out_of_range = true;
            });
        }
    } else {
        std::atomic<int64_t> next{0};
        run_on_threads(threads, [&](int) {
            Frame frame(operations);
            for (int64_t member; (member = next.fetch_add(1)) < op.members;) {
                frame.enter(member, 0);
                run_whole(operations, 0, frame);
            }
            if (frame.out_of_range) out_of_range = true;
        });
    }
    if (out_of_range) throw IndexError(op.primitive->name + ": index names a row that x has not");
}

}  // namespace mlpcore
