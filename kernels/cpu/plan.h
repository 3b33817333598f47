// A recorded step: operations bound once, fused, and replayed.
#pragma once

#include <atomic>
#include <deque>
#include <vector>

#include "buffer.h"
#include "execution.h"

namespace mlpcore {

class Barrier;

class Plan {
  public:
    explicit Plan(int threads);
    void add(Operation operation);
    void finish();
    int64_t members() const { return members_; }
    // For each member -1, or the step at which it stopped; `active` has one entry per member or is
    // null.
    void run(int64_t first, int64_t last, const bool* active, int64_t* stopped);

    // What finish() made of the calls, for tests and for those who look into it.
    std::vector<std::string> describe() const;

  private:
    struct Task {
        Step step;
        int64_t length;
        int parts;
        int joined;    // how many parts left something behind for this one
        bool wait;     // for the other threads, before it
        int own = -1;  // from here on, the parts are operations of their own
    };

    // Operations that stand for one: those of the parts, from `first` on, and what joins them.
    struct Parts {
        int first, join;
    };

    // Which is faster changes with what else the machine does: while another process holds a
    // processor, threads that meet at every barrier are slower than one alone.
    struct Pace {
        double together = 0, alone = 0;  // seconds a step, as last measured; 0: not yet
        double left = 1;                 // blocks until the next trial
        int gap = 1;                     // and behind it
        bool starts_alone = false;       // before both are measured
        bool prefer_alone() const {
            return together > 0 && alone > 0 ? alone < together : starts_alone;
        }
        // `blocks`: how many ordinary ones the measured one was.
        void note(bool alone, bool trial, double seconds, double blocks);
    };

    int64_t run_block(int threads, int64_t first, int64_t last, std::atomic<bool>& out_of_range);
    int64_t run_paced(int64_t first, int64_t last, std::atomic<bool>& out_of_range);
    void schedule();
    void append(Task task, size_t& since);
    bool adds_up_parts(const Operation& operation) const;
    Parts add_up_parts(int index);
    void check_members() const;
    bool conflicts(const Task& task, const Task& earlier) const;
    int64_t run_member(Frame& frame, int64_t member, int64_t first, int64_t last) const;
    int64_t run_together(Frame& frame, int thread, int count, Barrier& barrier, int64_t first,
                         int64_t last);
    bool finite(const Operation& stop, int index, Frame& frame) const;

    int threads_;
    int64_t members_ = 1;
    bool finished_ = false;
    std::vector<Operation> operations_;
    std::vector<int> order_;   // of the operations that are not fused into another
    std::vector<Task> tasks_;  // of one step, for a plan without members
    std::deque<Buffer> room_;  // for what parts of products leave behind
    std::vector<double> partials_;
    int parts_ = 1;
    double cost_ = 0;  // nanoseconds a step on one thread, roughly
    Pace pace_;
};

// Moves what can run while a product's result is hot behind that product; returns what is left.
std::vector<int> fuse(std::vector<Operation>& operations);
bool overlap(const Operand& a, const Operand& b);

}  // namespace mlpcore
