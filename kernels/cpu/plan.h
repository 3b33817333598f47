// A recorded step: operations bound once, fused, and replayed.
#pragma once

#include <atomic>
#include <deque>
#include <vector>

#include "buffer.h"
#include "execution.h"
#include "stages.h"

namespace mlpcore {

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
        int own = -1;  // from here on, the parts are operations of their own
    };

    // Tasks whose parts of one number depend on no part of another.
    struct Stage {
        std::vector<Task> tasks;
        int parts = 1;
    };

    // Operations that stand for one: those of the parts, from `first` on, and what joins them.
    struct Parts {
        int first, join;
    };

    // Which is faster changes with what else the machine does: while another process holds a
    // processor, threads that wait for each other after every stage are slower than one alone.
    struct Pace {
        double together = 0, alone = 0;  // seconds a step, as last measured; 0: not yet
        double left = 1;                 // blocks until the next trial
        int gap = 1;                     // and behind it
        bool prefer_alone() const { return together <= 0 || alone <= 0 || alone < together; }
        // `blocks`: how many ordinary ones the measured one was.
        void note(bool alone, bool trial, double seconds, double blocks);
    };

    int64_t run_block(int threads, int64_t first, int64_t last, std::atomic<bool>& out_of_range);
    int64_t run_paced(int64_t first, int64_t last, std::atomic<bool>& out_of_range);
    void schedule();
    void append(const Task& task);
    int parts_of(int64_t length) const;
    bool adds_up_parts(const Operation& operation) const;
    Parts add_up_parts(int index);
    bool cuts_columns(const Operation::Product& product) const;
    bool shares_rows(const Operation& operation) const;
    void make_room_for_rows();
    int share_rows(int index);
    void check_members() const;
    bool conflicts(const Task& task, const Task& earlier) const;
    int64_t run_member(Frame& frame, int64_t member, int64_t first, int64_t last) const;
    int64_t run_alone(Frame& frame, int64_t first, int64_t last);
    void run_shared(Frame& frame, int thread, Stages& open, int64_t first, int64_t last,
                    std::atomic<int64_t>& stopped);
    int64_t begin_of(const Task& task, int part) const;
    bool run_part_of(const Stage& stage, int part, Frame& frame);
    bool finite(const Operation& stop, int index, Frame& frame) const;

    int threads_;
    int64_t members_ = 1;
    bool finished_ = false;
    std::vector<Operation> operations_;
    std::vector<int> order_;     // of the operations that are not fused into another
    std::vector<Stage> stages_;  // of one step, for a plan without members
    std::deque<Buffer> room_;    // for what parts of products leave behind
    Buffer rows_;                // of the one product that the threads are about
    std::vector<double> partials_;
    int64_t pieces_ = 1;  // of a task, for a thread
    double cost_ = 0;     // nanoseconds a step on one thread, roughly
    Pace pace_;
};

// Moves what can run while a product's result is hot behind that product; returns what is left.
std::vector<int> fuse(std::vector<Operation>& operations);
bool overlap(const Operand& a, const Operand& b);

}  // namespace mlpcore
