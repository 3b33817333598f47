#include "run_product.h"

#include <algorithm>

#include "blas.h"
#include "buffer.h"
#include "isa.h"
#include "products.h"

namespace mlpcore {
namespace {

constexpr int64_t first_cache = 32 * 1024, second_cache = 1024 * 1024;
// The longest slice of k: panels of B stay near, and a packed block of A is no more than half of
// the second cache.
constexpr int64_t longest_slice = 256, longest_packed_slice = 512;
constexpr int64_t packed_block = second_cache / 2;

thread_local Buffer panels, groups, transposed;

// Rows [m0, m1) and columns [n0, n1) of C, and where they lie.
struct Region {
    const std::vector<Operation>& operations;
    const Operation& operation;
    Frame& frame;
    int index;
    int64_t m0, m1, n0, n1;
    Factor a;
    const char* b;
    char* c;
    const char* bias;
    char* sums;          // of B's columns, or null
    const char* packed;  // all of A, or null

    const Operation::Product& product() const { return operation.product; }
    int64_t item() const { return operation.item(); }
    int64_t width() const { return n1 - n0; }
    int64_t height() const { return m1 - m0; }
    int64_t work() const { return height() * width() * product().k; }
    const char* a_at(int64_t row) const { return a.from(row, 0, item()).data; }
    const char* b_at(int64_t row) const { return b + row * product().b_row * item(); }
    char* c_at(int64_t row) const { return c + row * product().n * item(); }
};

// With narrow vectors the BLAS is faster from a moderate size on.
bool prefers_blas(const Region& r) {
    constexpr int64_t worth_a_call = 2000000;
    return uses_blas() && r.work() > worth_a_call && r.width() >= 16 && r.height() >= 16;
}

bool prefers_packed_rows(const Region& r) {
    return r.packed || r.a.index || worth_packing_rows(r.height(), r.width(), r.product().k);
}

// C = A B by way of C' = B' A' pays where C fills a quarter of a vector at most and A's columns are
// close together: A then fills whole vectors, which B could not.
bool prefers_narrow(const Region& r, const ProductKernels& kernels) {
    const Operation::Product& p = r.product();
    return p.a_row == 1 && p.b_column == 1 && 4 * r.width() <= kernels.lanes &&
           r.height() >= 2 * r.width() && !r.bias && r.operation.followers.empty();
}

// Where A has few rows, packing B takes longer than the product.
bool prefers_few(const Region& r, const ProductKernels& kernels) {
    return r.product().b_column == 1 && r.height() <= few_rows && r.width() >= 2 * kernels.lanes;
}

void sum_columns(const Region& r) {
    const int64_t extents[2] = {r.product().k, r.product().n};
    void** arrays = r.frame.arrays(r.index);
    void* sources[2] = {arrays[r.product().b], arrays[r.product().row_sums]};
    r.operation.loops[0](Work{sources, nullptr, extents, r.n0, r.n1, nullptr, 1, nullptr, nullptr});
}

// The operations behind the product, on rows [begin, end).
void run_followers(const Region& r, int64_t begin, int64_t end) {
    const int64_t n = r.product().n;
    for (const int index : r.operation.followers) {
        const Operation& follower = r.operations[index];
        Work work{};
        work.values = r.frame.values(index);
        work.parts = 1;
        work.out_of_range = &r.frame.out_of_range;
        if (r.width() == n) {
            work.arrays = r.frame.arrays(index), work.extents = follower.extents.data();
            work.begin = begin, work.end = end;
            follower.loops[0](work);
            continue;
        }
        void* shifted[max_axes];
        const int64_t extents[2] = {1, r.width()};
        work.arrays = shifted, work.extents = extents, work.begin = 0, work.end = 1;
        for (int64_t row = begin; row < end; ++row) {
            for (size_t i = 0; i < follower.operands.size(); ++i) {
                char* base = (char*)r.frame.arrays(index)[i];
                shifted[i] = base ? base + (row * n + r.n0) * follower.item() : nullptr;
            }
            follower.loops[0](work);
        }
    }
}

void through_blas(const Region& r) {
    const Operation::Product& p = r.product();
    if (r.sums) sum_columns(r);
    // In blocks, so that followers find the result in the second cache.
    const int64_t bytes = r.width() * r.item();
    const int64_t block =
        r.operation.followers.empty() ? r.height() : std::max<int64_t>(512, second_cache / bytes);
    for (int64_t row = r.m0; row < r.m1; row += block) {
        const int64_t end = std::min(row + block, r.m1);
        if (r.bias)
            for (int64_t i = row; i < end; ++i) std::copy(r.bias, r.bias + bytes, r.c_at(i));
        blas_product(r.operation.float32, r.a_at(row), p.a_row, p.a_column, r.b, p.b_row,
                     p.b_column, r.c_at(row), p.n, end - row, r.width(), p.k, r.bias != nullptr);
        run_followers(r, row, end);
    }
}

template <class T>
void through_transpose(const Region& r, const ProductKernels& kernels) {
    const Operation::Product& p = r.product();
    if (r.sums) sum_columns(r);
    const int64_t m = r.height(), n = r.width();
    T* t = (T*)transposed.at_least((size_t)(m * n) * sizeof(T));
    const void* a = r.a_at(r.m0);
    Product product{r.b, false, 1, p.b_row, nullptr, t, m, nullptr, false, n, m, p.k};
    if (n <= few_rows) {
        kernels.multiply_few(product, a, p.a_column, nullptr);
    } else {
        const int64_t size = round_up(m, kernels.lanes) * std::max<int64_t>(p.k, 1);
        void* packed = panels.at_least((size_t)size * sizeof(T));
        kernels.pack(a, p.a_column, 1, p.k, m, packed, nullptr, false);
        product.panels = packed;
        kernels.multiply(product);
    }
    T* c = (T*)r.c_at(r.m0);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) c[i * p.n + j] = t[j * m + i];
}

void through_few(const Region& r, const ProductKernels& kernels) {
    const Operation::Product& p = r.product();
    const Product product{r.a_at(r.m0),    false,        p.a_row,   p.a_column,
                          nullptr,         r.c_at(r.m0), p.n,       r.bias,
                          false,           r.height(),   r.width(), p.k};
    kernels.multiply_few(product, r.b, p.b_row, r.sums);
    run_followers(r, r.m0, r.m1);
}

// The sum over k in slices.
class Slices {
  public:
    Slices(const Region& region, const ProductKernels& kernels)
        : r_(region), kernels_(kernels), packs_rows_(prefers_packed_rows(region)) {
        length_ = slice_length(k(), packs_rows_);
        count_ = std::max<int64_t>(1, (k() + length_ - 1) / length_);
        const int64_t rows = packed_block / (length_ * r_.item());
        block_ = packs_rows_ ? rows / kernels.block_rows * kernels.block_rows : r_.height();
        panel_row_ = round_up(r_.width(), kernels.lanes) * r_.item();
    }

    void run() {
        const bool in_blocks = r_.height() * r_.width() * r_.item() > second_cache;
        in_blocks ? block_by_block() : slice_by_slice();
    }

  private:
    int64_t k() const { return r_.product().k; }
    int64_t length(int64_t slice) const { return std::min(length_, k() - slice * length_); }

    // C stays in the second cache while the slices come and go.
    void slice_by_slice() {
        char* packed = (char*)panels.at_least((size_t)(panel_row_ * length_));
        for (int64_t s = 0; s + 1 < count_; ++s) {
            pack(s, packed);
            multiply(s, packed, r_.m0, r_.m1);
        }
        pack(count_ - 1, packed);
        // Followers run while a block of rows is in a near cache.
        const int64_t near = first_cache / 2 / (r_.width() * r_.item()) / 8 * 8;
        const int64_t block = r_.operation.followers.empty() ? r_.height()
                              : packs_rows_                  ? block_
                                                             : std::max<int64_t>(8, near);
        for (int64_t row = r_.m0; row < r_.m1; row += block) {
            const int64_t end = std::min(row + block, r_.m1);
            multiply(count_ - 1, packed, row, end);
            run_followers(r_, row, end);
        }
    }

    // C is too large for it: all slices are packed beforehand, and C is finished block by block.
    void block_by_block() {
        char* packed = (char*)panels.at_least((size_t)(panel_row_ * std::max<int64_t>(1, k())));
        const auto at = [&](int64_t s) { return packed + s * length_ * panel_row_; };
        for (int64_t s = 0; s < count_; ++s) pack(s, at(s));
        const int64_t near = second_cache / 4 / (r_.width() * r_.item()) / 8 * 8;
        const int64_t block = packs_rows_ ? block_ : std::max<int64_t>(8, near);
        for (int64_t row = r_.m0; row < r_.m1; row += block) {
            const int64_t end = std::min(row + block, r_.m1);
            for (int64_t s = 0; s < count_; ++s) multiply(s, at(s), row, end);
            run_followers(r_, row, end);
        }
    }

    void pack(int64_t s, char* to) const {
        const Operation::Product& p = r_.product();
        kernels_.pack(r_.b_at(s * length_), p.b_row, p.b_column, length(s), r_.width(), to, r_.sums,
                      s > 0);
    }

    void multiply(int64_t s, const char* packed, int64_t first, int64_t last) const {
        const Operation::Product& p = r_.product();
        for (int64_t row = first; row < last; row += block_) {
            const int64_t rows = std::min(block_, last - row);
            const Factor factor = r_.a.from(row, s * length_, r_.item());
            const char* a = factor.data;
            if (r_.packed) {
                const int64_t padded = round_up(p.m, kernels_.block_rows);
                a = r_.packed + (s * length_ * padded + row * length(s)) * r_.item();
            } else if (packs_rows_) {
                const int64_t padded = round_up(rows, kernels_.block_rows);
                char* to = (char*)groups.at_least((size_t)(padded * length(s) * r_.item()));
                if (!kernels_.pack_rows(factor, rows, length(s), to)) r_.frame.out_of_range = true;
                a = to;
            }
            kernels_.multiply(Product{a, packs_rows_, p.a_row, p.a_column, packed, r_.c_at(row),
                                      p.n, s == 0 ? r_.bias : nullptr, s > 0, rows, r_.width(),
                                      length(s)});
        }
    }

    const Region& r_;
    const ProductKernels& kernels_;
    const bool packs_rows_;
    int64_t count_, length_, block_, panel_row_;
};

}  // namespace

bool uses_blas() {
    return has_blas() && wants_blas();
}

bool worth_packing_rows(int64_t m, int64_t n, int64_t k) {
    constexpr int64_t worth_a_copy = 24000000;
    return m * n * k > worth_a_copy && n >= 96 && m >= 32;
}

int64_t slice_length(int64_t k, bool packed) {
    const int64_t longest = packed ? longest_packed_slice : longest_slice;
    const int64_t count = std::max<int64_t>(1, (k + longest - 1) / longest);
    return std::max<int64_t>(1, (k + count - 1) / count);
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
    const bool sums = p.row_sums >= 0 && (step.by_columns || part.index == 0);
    const Region region{operations,
                        operation,
                        frame,
                        step.operation,
                        m0,
                        m1,
                        n0,
                        n1,
                        {(const char*)arrays[p.a], p.a_row, p.a_column,
                         p.index < 0 ? nullptr : (const int64_t*)arrays[p.index], p.rows},
                        (const char*)arrays[p.b] + n0 * p.b_column * item,
                        (char*)arrays[p.c] + n0 * item,
                        p.bias < 0 ? nullptr : (const char*)arrays[p.bias] + n0 * item,
                        sums ? (char*)arrays[p.row_sums] + n0 * item : nullptr,
                        p.packed < 0 ? nullptr : (const char*)arrays[p.packed]};
    const ProductKernels& kernels = *p.kernels;
    if (region.a.index)  // the one way that packs A in any case
        Slices(region, kernels).run();
    else if (prefers_blas(region))
        through_blas(region);
    else if (prefers_few(region, kernels))
        through_few(region, kernels);
    else if (!prefers_narrow(region, kernels))
        Slices(region, kernels).run();
    else if (operation.float32)
        through_transpose<float>(region, kernels);
    else
        through_transpose<double>(region, kernels);
}

}  // namespace mlpcore
