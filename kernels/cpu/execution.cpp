#include "execution.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>

#include "blas.h"
#include "isa.h"
#include "pool.h"
#include "products.h"

namespace mlpcore {
namespace {

constexpr size_t alignment = 64;
constexpr int64_t longest_slice = 256;
constexpr int64_t first_cache = 32 * 1024, second_cache = 1024 * 1024;

// Memory of a thread's own; grows, and stays for the next time.
class Buffer {
  public:
    ~Buffer() { release(); }
    void* at_least(size_t bytes) {
        if (bytes > size_) {
            release();
            data_ = ::operator new(bytes, std::align_val_t(alignment));
            size_ = bytes;
        }
        return data_;
    }

  private:
    void release() {
        if (data_) ::operator delete(data_, std::align_val_t(alignment));
    }
    void* data_ = nullptr;
    size_t size_ = 0;
};

thread_local Buffer scratch, panels, transposed;

int64_t round_up(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

// The operations behind a product, on rows [begin, end) and columns [first, last) of it.
void run_followers(const std::vector<Operation>& operations, const Operation& product, Frame& frame,
                   int64_t begin, int64_t end, int64_t first, int64_t last) {
    const int64_t n = product.product.n;
    for (const int index : product.followers) {
        const Operation& follower = operations[index];
        Work work{};
        work.values = frame.values(index);
        work.parts = 1;
        work.out_of_range = &frame.out_of_range;
        if (first == 0 && last == n) {
            work.arrays = frame.arrays(index), work.extents = follower.extents.data();
            work.begin = begin, work.end = end;
            follower.loops[0](work);
            continue;
        }
        void* shifted[max_axes];
        const int64_t extents[2] = {1, last - first};
        work.arrays = shifted, work.extents = extents, work.begin = 0, work.end = 1;
        for (int64_t row = begin; row < end; ++row) {
            for (size_t i = 0; i < follower.operands.size(); ++i) {
                char* base = (char*)frame.arrays(index)[i];
                shifted[i] = base ? base + (row * n + first) * follower.item() : nullptr;
            }
            follower.loops[0](work);
        }
    }
}

void start_with_bias(char* c, const char* bias, int64_t rows, int64_t row_bytes, int64_t bytes) {
    for (int64_t r = 0; r < rows; ++r) std::copy(bias, bias + bytes, c + r * row_bytes);
}

// C = A B by way of C' = B' A, where C is narrow and A's columns are close together: A then fills
// whole vectors, which B could not.
template <class T>
void multiply_narrow(const ProductKernels& kernels, const T* a, int64_t a_column, const T* b,
                     int64_t b_row, T* c, int64_t c_row, int64_t m, int64_t n, int64_t k) {
    void* packed =
        panels.at_least((size_t)(round_up(m, kernels.lanes) * std::max<int64_t>(k, 1)) * sizeof(T));
    T* t = (T*)transposed.at_least((size_t)(m * n) * sizeof(T));
    kernels.pack(a, a_column, 1, k, m, packed);
    kernels.multiply(Product{b, 1, b_row, packed, t, m, nullptr, false, n, m, k});
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) c[i * c_row + j] = t[j * m + i];
}

void sum_columns(const Operation& operation, void* const* arrays, int64_t first, int64_t last) {
    const Operation::Product& p = operation.product;
    const int64_t extents[2] = {p.k, p.n};
    void* sources[2] = {arrays[p.b], arrays[p.row_sums]};
    operation.loops[0](Work{sources, nullptr, extents, first, last, nullptr, 1, nullptr, nullptr});
}

void run_product(const std::vector<Operation>& operations, const Step& step, Frame& frame,
                 const Part& part) {
    const Operation& operation = operations[step.operation];
    const Operation::Product& p = operation.product;
    void** arrays = frame.arrays(step.operation);
    const int64_t item = operation.item();
    const int64_t m0 = step.by_columns ? 0 : part.begin, m1 = step.by_columns ? p.m : part.end;
    const int64_t n0 = step.by_columns ? part.begin : 0, n1 = step.by_columns ? part.end : p.n;
    if (m0 >= m1 || n0 >= n1) return;
    const char* a = (const char*)arrays[p.a];
    const char* b = (const char*)arrays[p.b] + n0 * p.b_column * item;
    char* c = (char*)arrays[p.c] + n0 * item;
    const char* bias = p.bias < 0 ? nullptr : (const char*)arrays[p.bias] + n0 * item;
    const bool sums = p.row_sums >= 0 && (step.by_columns || part.index == 0);
    const int64_t width = n1 - n0;

    if (prefers_blas(p, m1 - m0, width)) {
        if (sums) sum_columns(operation, arrays, n0, n1);
        // In blocks, so that followers find the result in the second cache.
        const int64_t block = operation.followers.empty()
                                  ? m1 - m0
                                  : std::max<int64_t>(512, second_cache / (width * item));
        for (int64_t row = m0; row < m1; row += block) {
            const int64_t end = std::min(row + block, m1);
            char* to = c + row * p.n * item;
            if (bias) start_with_bias(to, bias, end - row, p.n * item, width * item);
            blas_product(operation.float32, a + row * p.a_row * item, p.a_row, p.a_column, b,
                         p.b_row, p.b_column, to, p.n, end - row, width, p.k, bias != nullptr);
            run_followers(operations, operation, frame, row, end, n0, n1);
        }
        return;
    }

    const InstructionSet& set = instruction_set();
    const ProductKernels& kernels = operation.float32 ? *set.float32 : *set.float64;
    if (p.a_row == 1 && p.b_column == 1 && 2 * width <= kernels.lanes && m1 - m0 >= 2 * width &&
        !bias && operation.followers.empty()) {
        if (sums) sum_columns(operation, arrays, n0, n1);
        const auto run = [&](auto zero) {
            using T = decltype(zero);
            multiply_narrow<T>(kernels, (const T*)a + m0, p.a_column, (const T*)b, p.b_row,
                               (T*)c + m0 * p.n, p.n, m1 - m0, width, p.k);
        };
        operation.float32 ? run(0.0f) : run(0.0);
        return;
    }
    if (p.b_column == 1 && m1 - m0 <= few_rows && width >= 2 * kernels.lanes && !sums) {
        kernels.multiply_few(Product{a + m0 * p.a_row * item, p.a_row, p.a_column, nullptr,
                                     c + m0 * p.n * item, p.n, bias, false, m1 - m0, width, p.k},
                             b, p.b_row);
        run_followers(operations, operation, frame, m0, m1, n0, n1);
        return;
    }
    // The sum over k in slices, so that the panels in use stay in the first cache. Where C is too
    // large for the second, it is finished block by block, from slices that are packed beforehand.
    const int64_t slices = std::max<int64_t>(1, (p.k + longest_slice - 1) / longest_slice);
    const int64_t slice = (p.k + slices - 1) / slices;
    const bool in_blocks = (m1 - m0) * width * item > second_cache;
    const int64_t panel_row = round_up(width, kernels.lanes) * item;
    char* packed =
        (char*)panels.at_least((size_t)(panel_row * std::max<int64_t>(1, in_blocks ? p.k : slice)));
    if (sums && slices > 1) sum_columns(operation, arrays, n0, n1);
    const auto pack = [&](int64_t s, char* to) {
        const int64_t k0 = s * slice, k = std::min(slice, p.k - k0);
        const char* from = b + k0 * p.b_row * item;
        if (sums && slices == 1)
            kernels.pack_and_sum(from, p.b_row, k, width, to,
                                 (char*)arrays[p.row_sums] + n0 * item);
        else
            kernels.pack(from, p.b_row, p.b_column, k, width, to);
    };
    const auto multiply = [&](int64_t s, const char* panels, int64_t row, int64_t end) {
        const int64_t k0 = s * slice, k = std::min(slice, p.k - k0);
        kernels.multiply(Product{a + (row * p.a_row + k0 * p.a_column) * item, p.a_row, p.a_column,
                                 panels, c + row * p.n * item, p.n, s == 0 ? bias : nullptr, s > 0,
                                 end - row, width, k});
    };
    if (in_blocks)
        for (int64_t s = 0; s < slices; ++s) pack(s, packed + s * slice * panel_row);
    else
        for (int64_t s = 0; s + 1 < slices; ++s) pack(s, packed), multiply(s, packed, m0, m1);
    if (!in_blocks) pack(slices - 1, packed);
    // Followers run while a block of rows is in a near cache.
    const int64_t near = in_blocks ? second_cache / 4 : first_cache / 2;
    const bool whole = operation.followers.empty() && !in_blocks;
    const int64_t block = whole ? m1 - m0 : std::max<int64_t>(8, near / (width * item) / 8 * 8);
    for (int64_t row = m0; row < m1; row += block) {
        const int64_t end = std::min(row + block, m1);
        for (int64_t s = in_blocks ? 0 : slices - 1; s < slices; ++s)
            multiply(s, in_blocks ? packed + s * slice * panel_row : packed, row, end);
        run_followers(operations, operation, frame, row, end, n0, n1);
    }
}

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

int64_t part_begin(int64_t length, int parts, int index) {
    const int64_t unit = length >= 1024 * parts ? 64 : length >= 16 * parts ? 4 : 1;
    return std::min(length, round_up((length * index + parts - 1) / parts, unit));
}

bool prefers_blas(const Operation::Product& product, int64_t m, int64_t n) {
    // With wide vectors the kernels here keep up until A no longer fits the second cache.
    const int64_t limit = instruction_set().vector_bytes >= 32 ? 300000000 : 2000000;
    return has_blas() && m * n * product.k > limit && n >= 16 && m >= 16;
}

void resolve_loops(Operation& operation) {
    operation.loops.clear();
    const auto resolve = [&](const std::string& name) {
        const NamedLoop& loop = find_loop(name);
        operation.loops.push_back(operation.float32 ? loop.float32 : loop.float64);
    };
    for (const Pass& pass : operation.passes) resolve(pass.loop);
    if (operation.primitive->form == Form::product) resolve("affine_bias_gradient");
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
            run_on_threads(parts, [&](int thread, int count) {
                Frame frame(operations);
                frame.enter(0, 0);
                for (int i = thread; i < parts; i += count) {
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
        run_on_threads(threads, [&](int, int) {
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
