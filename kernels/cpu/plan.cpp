#include "plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "blas.h"
#include "pool.h"

namespace mlpcore {
namespace {

// Below this a second thread costs more than it saves.
constexpr double worth_sharing = 12000;  // nanoseconds
// What a thread takes of a task at a time: the less, the shorter the others wait for a thread that
// the system holds back, and the more often the factors of a product are packed.
constexpr double worth_a_piece = 5e5;  // nanoseconds of a step
constexpr int64_t most_pieces = 4;
constexpr int64_t shortest_piece = 64;  // rows or columns
// Shorter steps have little more than one piece for a thread, and are timed with and without
// threads, in blocks of steps.
constexpr double worth_watching = 1e6;
constexpr double block_time = 1e6;
constexpr int64_t shortest_block = 4, longest_trial = 8;
constexpr int longest_gap = 64;
// Trials of what turns out slower take at most this share of the time.
constexpr double price_of_trials = 0.02;
// A thread takes this share of its part of what is left: neighbours, that share cache lines where
// they meet, and towards the end fewer and fewer, so that no thread waits long for another.
constexpr int64_t shares_of_a_thread = 4;

}  // namespace

Plan::Plan(int threads) : threads_(threads) {
    if (threads < 1)
        throw std::invalid_argument("Plan: threads is " + std::to_string(threads) +
                                    ", expected at least 1");
}

void Plan::add(Operation operation) {
    if (finished_)
        throw std::logic_error("Plan: finish() was called, nothing can be added any more");
    operations_.push_back(std::move(operation));
}

void Plan::finish() {
    if (finished_) return;
    for (const Operation& operation : operations_) members_ = std::max(members_, operation.members);
    check_members();
    for (Operation& operation : operations_) resolve_loops(operation);
    order_ = fuse(operations_);
    for (const int i : order_) cost_ += operations_[i].cost();
    if (members_ == 1) schedule();
    finished_ = true;
}

void Plan::check_members() const {
    for (const Operation& operation : operations_) {
        if (operation.members == members_) continue;
        const std::string& name = operation.primitive->name;
        if (operation.members != 1)
            throw std::invalid_argument("Plan: " + name + " has " +
                                        std::to_string(operation.members) +
                                        " members, others have " + std::to_string(members_));
        if (std::any_of(operation.operands.begin(), operation.operands.end(),
                        [](const Operand& o) { return o.written; }))
            throw std::invalid_argument(
                "Plan: the outputs of " + name + " have no axis of members, others have " +
                std::to_string(members_) + "; members would write over each other");
    }
}

// Two tasks can be of one stage where both cut the same rows the same way, or share nothing that
// either writes.
bool Plan::conflicts(const Task& task, const Task& earlier) const {
    const auto aligned = [](const Task& t, const Operand& o) {
        const bool by_rows = t.own < 0 ? o.by_rows : !o.written;
        return by_rows && t.step.pass == 0 && !t.step.by_columns && t.parts > 1;
    };
    const auto operands = [&](const Task& t) {
        std::vector<Operand> all = operations_[t.step.operation].operands;
        for (const int follower : operations_[t.step.operation].followers)
            for (const Operand& o : operations_[follower].operands) all.push_back(o);
        return all;
    };
    if (task.step.operation == earlier.step.operation && task.step.pass != earlier.step.pass)
        return true;
    for (const Operand& a : operands(task))
        for (const Operand& b : operands(earlier)) {
            if (!overlap(a, b) || !(a.written || b.written)) continue;
            const bool alike = aligned(task, a) && aligned(earlier, b) && a.base == b.base &&
                               a.bytes == b.bytes && task.length == earlier.length &&
                               task.parts == earlier.parts;
            if (!alike) return true;
        }
    return false;
}

void Plan::schedule() {
    if (cost_ < worth_sharing) threads_ = 1;
    if (threads_ > 1)
        pieces_ = std::clamp((int64_t)(cost_ / threads_ / worth_a_piece), (int64_t)1, most_pieces);
    make_room_for_rows();
    std::vector<Task> joining;  // until a task needs what they join
    const auto join = [&](const Task* before) {
        const auto needed = [&](const Task& t) { return !before || conflicts(*before, t); };
        if (std::none_of(joining.begin(), joining.end(), needed)) return;
        for (const Task& task : joining) append(task);
        joining.clear();
    };
    for (const int i : order_) {
        const Operation operation = operations_[i];
        if (operation.primitive->form == Form::product && adds_up_parts(operation)) {
            const Parts parts = add_up_parts(i);
            const Operation::Product& p = operation.product;
            const Task task{Step{i, 0}, p.k, parts.join - parts.first, 1, parts.first};
            join(&task);
            append(task);
            joining.push_back({Step{parts.join, 0}, p.m * p.n, parts_of(p.m * p.n), 1});
            continue;
        }
        if (shares_rows(operation)) {
            const int packing = share_rows(i);
            const Task task{Step{packing, 0}, operations_[packing].lengths[0],
                            parts_of(operation.product.m), 1};
            join(&task);
            append(task);
        }
        const int passes =
            operation.primitive->form == Form::stop ? 1 : (int)operation.lengths.size();
        int joined = 1;
        for (int pass = 0; pass < passes; ++pass) {
            Task task{Step{i, pass}, 1, 1, joined};
            const bool alone =
                operation.primitive->form == Form::loops && operation.passes[pass].axis.empty();
            if (operation.primitive->form != Form::stop) task.length = operation.lengths[pass];
            if (operation.primitive->form == Form::product && cuts_columns(operation.product))
                task.step.by_columns = true, task.length = operation.product.n;
            if (!alone && operation.primitive->form != Form::stop)
                task.parts = joined = parts_of(task.length);
            join(&task);
            append(task);
        }
    }
    join(nullptr);
    partials_.assign(operations_.size() * (size_t)(threads_ * pieces_) * partial_size, 0.0);
}

// As many for each thread, lest one has more to do than another.
int Plan::parts_of(int64_t length) const {
    return threads_ * (int)std::clamp<int64_t>(length / (threads_ * shortest_piece), 1, pieces_);
}

void Plan::append(const Task& task) {
    const auto conflicting = [&](const Task& earlier) {
        return threads_ > 1 && conflicts(task, earlier);
    };
    if (stages_.empty() ||
        std::any_of(stages_.back().tasks.begin(), stages_.back().tasks.end(), conflicting))
        stages_.emplace_back();
    stages_.back().tasks.push_back(task);
    stages_.back().parts = std::max(stages_.back().parts, task.parts);
}

bool Plan::finite(const Operation& stop, int index, Frame& frame) const {
    const void* loss = frame.arrays(index)[0];
    return std::isfinite(stop.float32 ? (double)*(const float*)loss : *(const double*)loss);
}

int64_t Plan::run_member(Frame& frame, int64_t member, int64_t first, int64_t last) const {
    frame.enter(member, first);
    for (int64_t step = first; step < last; ++step) {
        if (step != first) frame.advance(step);
        for (const int i : order_) {
            if (operations_[i].primitive->form != Form::stop)
                run_whole(operations_, i, frame);
            else if (!finite(operations_[i], i, frame))
                return step;
        }
    }
    return -1;
}

// Of columns a thread has whole vectors, and takes whole blocks of them at a time.
int64_t Plan::begin_of(const Task& task, int part) const {
    if (!task.step.by_columns) return part_begin(task.length, task.parts, part);
    const ProductKernels& kernels = *operations_[task.step.operation].product.kernels;
    const int pieces = task.parts / threads_, thread = part / pieces;
    const int64_t first = part_begin(task.length, threads_, thread, kernels.lanes);
    const int64_t last = part_begin(task.length, threads_, thread + 1, kernels.lanes);
    return first + part_begin(last - first, pieces, part % pieces, kernels.block_columns);
}

bool Plan::run_part_of(const Stage& stage, int part, Frame& frame) {
    for (const Task& task : stage.tasks) {
        const int i = task.step.operation;
        if (operations_[i].primitive->form == Form::stop) {
            if (!finite(operations_[i], i, frame)) return false;
        } else if (part >= task.parts) {
            continue;
        } else if (task.own >= 0) {
            run_whole(operations_, task.own + part, frame);
        } else {
            double* partials =
                partials_.data() + (size_t)(i * threads_ * pieces_ + part) * partial_size;
            run_part(operations_, task.step, frame,
                     Part{begin_of(task, part), begin_of(task, part + 1), part, task.joined},
                     partials);
        }
    }
    return true;
}

int64_t Plan::run_alone(Frame& frame, int64_t first, int64_t last) {
    frame.enter(0, first);
    for (int64_t step = first; step < last; ++step) {
        if (step != first) frame.advance(step);
        for (const Stage& stage : stages_) {
            bool going_on = true;
            for (int part = 0; part < stage.parts; ++part)
                going_on = run_part_of(stage, part, frame) && going_on;
            if (!going_on) return step;
        }
    }
    return -1;
}

void Plan::run_shared(Frame& frame, int thread, Stages& open, int64_t first, int64_t last,
                      std::atomic<int64_t>& stopped) {
    const int count = (int)stages_.size(), end = (int)(last - first) * count;
    int64_t step = -1;
    for (int at; (at = open.current()) < end;) {
        const int64_t now = first + at / count;
        if (step < 0)
            frame.enter(0, now);
        else if (step != now)
            frame.advance(now);
        step = now;
        const Stage& stage = stages_[(size_t)(at % count)];
        bool last_part = false;
        for (int part; !last_part && (part = open.take(at, thread, stage.parts)) >= 0;) {
            if (!run_part_of(stage, part, frame)) stopped.store(step, std::memory_order_relaxed);
            last_part = open.finish(stage.parts);
        }
        if (last_part)
            open.open(stopped.load(std::memory_order_relaxed) < 0 ? at + 1 : end);
        else
            open.wait_beyond(at);
    }
}

int64_t Plan::run_block(int threads, int64_t first, int64_t last, std::atomic<bool>& out_of_range) {
    std::atomic<int64_t> stopped{-1};
    Stages open(threads);
    run_on_threads(threads, [&](int thread) {
        Frame frame(operations_);
        try {
            if (threads == 1)
                stopped = run_alone(frame, first, last);
            else
                run_shared(frame, thread, open, first, last, stopped);
        } catch (...) {
            open.open(std::numeric_limits<int>::max());  // lest the others wait for its part
            throw;
        }
        if (frame.out_of_range) out_of_range = true;
    });
    return stopped;
}

void Plan::Pace::note(bool ran_alone, bool trial, double seconds, double blocks) {
    const bool preferred = prefer_alone();
    (ran_alone ? alone : together) = seconds;
    // What a trial confirms is tried again later and later.
    gap = prefer_alone() != preferred ? 1 : trial ? std::min(2 * gap, longest_gap) : gap;
    const double lost = blocks * (seconds / (prefer_alone() ? alone : together) - 1);
    left = trial ? std::max((double)gap, lost / price_of_trials) : left - blocks;
}

int64_t Plan::run_paced(int64_t first, int64_t last, std::atomic<bool>& out_of_range) {
    using Clock = std::chrono::steady_clock;
    const int64_t block = std::max(shortest_block, (int64_t)(block_time / cost_));
    while (first < last) {
        const bool trial = pace_.left <= 0, alone = pace_.prefer_alone() != trial;
        const int threads = alone ? 1 : threads_;
        // The first half wakes the threads and fills their caches; the second is timed. A step
        // that comes alone wakes them itself, so waking counts.
        const int64_t length = trial ? std::min(block, longest_trial) : block;
        // What is left over is no block of its own: too short to tell anything.
        const int64_t end = last - first < length + length / 2 ? last : first + length;
        const int64_t timed = first + (end - first) / 2;
        int64_t stopped = timed > first ? run_block(threads, first, timed, out_of_range) : -1;
        if (stopped < 0) {
            const auto start = Clock::now();
            stopped = run_block(threads, timed, end, out_of_range);
            const std::chrono::duration<double> taken = Clock::now() - start;
            pace_.note(alone, trial, taken.count() / (double)(end - timed),
                       (double)(end - first) / (double)block);
        }
        if (stopped >= 0) return stopped;
        first = end;
    }
    return -1;
}

void Plan::run(int64_t first, int64_t last, const bool* active, int64_t* stopped) {
    if (!finished_) throw std::logic_error("Plan: call finish() before run()");
    std::fill(stopped, stopped + members_, (int64_t)-1);
    SingleThreadedBlas single;
    std::atomic<bool> out_of_range{false};
    std::atomic<int64_t> next{0};
    const auto is_active = [&](int64_t member) { return !active || active[member]; };
    if (members_ == 1 && is_active(0)) {
        const bool paced = threads_ > 1 && cost_ < worth_watching;
        stopped[0] = paced ? run_paced(first, last, out_of_range)
                           : run_block(threads_, first, last, out_of_range);
    } else if (members_ > 1) {
        const double cost = cost_ * (double)members_ * (double)(last - first);
        const int threads = cost < worth_sharing ? 1 : (int)std::min<int64_t>(threads_, members_);
        run_on_threads(threads, [&](int) {
            Frame frame(operations_);
            for (int64_t begin = next, end; begin < members_; begin = next) {
                end = begin +
                      std::max((members_ - begin) / (threads * shares_of_a_thread), (int64_t)1);
                if (!next.compare_exchange_strong(begin, end)) continue;
                for (int64_t m = begin; m < end; ++m)
                    if (is_active(m)) stopped[m] = run_member(frame, m, first, last);
            }
            if (frame.out_of_range) out_of_range = true;
        });
    }
    if (out_of_range) throw IndexError("Plan.run: an index names a row that its array has not");
}

std::vector<std::string> Plan::describe() const {
    std::vector<std::string> lines;
    for (const int i : order_) {
        std::string line = operations_[i].primitive->name;
        if (operations_[i].product.row_sums >= 0) line += " + affine_bias_gradient";
        for (const int follower : operations_[i].followers)
            line += " + " + operations_[follower].primitive->name;
        lines.push_back(line);
    }
    return lines;
}

}  // namespace mlpcore
