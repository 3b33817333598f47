// Which operations of a plan become one.
#include <algorithm>

#include "plan.h"
#include "run_product.h"

namespace mlpcore {
namespace {

bool same(const Operand& a, const Operand& b) {
    return a.base && a.base == b.base && a.member_stride == b.member_stride &&
           a.step_stride == b.step_stride && a.bytes == b.bytes;
}

bool is(const Operation& operation, const char* name) {
    return operation.primitive->name == name;
}

// One loop over elements whose result depends on the element alone.
bool pointwise(const Operation& operation) {
    return operation.primitive->elementwise && operation.primitive->scratch_tiles == 0;
}

bool touches(const Operation& operation, const Operand& operand) {
    return std::any_of(operation.operands.begin(), operation.operands.end(),
                       [&](const Operand& o) { return o.base && overlap(o, operand); });
}

// Does any operation but these two touch what lies between them?
bool read_elsewhere(const std::vector<Operation>& operations, const Operand& operand, int from,
                    int to) {
    for (int i = 0; i < (int)operations.size(); ++i)
        if (i != from && i != to && touches(operations[i], operand)) return true;
    return false;
}

// A pointwise operation right behind a product, on the product's result.
bool follow(std::vector<Operation>& operations, int product, int next) {
    Operation &p = operations[product], &f = operations[next];
    const Operand result = p.operands[p.product.c];
    if (!pointwise(f) || f.float32 != p.float32 || !same(f.operands[0], result)) return false;
    const int64_t size = p.product.m * p.product.n * p.item();
    for (const Operand& operand : f.operands)
        if (operand.base && operand.bytes != size) return false;
    // The product may write where the follower writes, unless the follower still reads from there.
    const Operand& target = f.operands.back();
    bool direct = !read_elsewhere(operations, result, product, next);
    for (size_t i = 1; i + 1 < f.operands.size(); ++i)
        direct = direct && !(f.operands[i].base && overlap(f.operands[i], target));
    for (size_t i = 0; i < p.operands.size(); ++i)
        direct = direct && ((int)i == p.product.c || !overlap(p.operands[i], target));
    if (direct) {
        p.operands[p.product.c] = target;
        f.operands[0] = target, f.operands[0].written = false;
    }
    p.followers.push_back(next);
    return true;
}

// The bias gradient sums the columns that the weight gradient packs.
bool add_row_sums(Operation& product, const Operation& sums) {
    if (!is(product, "affine_weight_gradient") || !is(sums, "affine_bias_gradient") ||
        product.product.row_sums >= 0 ||
        !same(product.operands[product.product.b], sums.operands[0]))
        return false;
    product.product.row_sums = (int)product.operands.size();
    product.operands.push_back(sums.operands[1]);
    product.operands.back().by_rows = false;
    return true;
}

// Rows of a data set that are gathered for products alone, which pack them: they do so from where
// the rows lie, and no other copy is made.
bool read_in_place(std::vector<Operation>& operations, int gather) {
    const Operation& g = operations[gather];
    if (!is(g, "gather_rows") || uses_blas()) return false;
    const Operand data = g.operands[0], index = g.operands[1], rows = g.operands[2];
    std::vector<Operation*> products;
    for (Operation& o : operations) {
        if (&o == &g || !touches(o, rows)) continue;
        const Operation::Product& p = o.product;
        const bool reads = o.primitive->form == Form::product && same(o.operands[p.a], rows) &&
                           worth_packing_rows(p.m, p.n, p.k);
        const auto reaches = [&](const Operand& operand) { return overlap(operand, rows); };
        if (!reads || std::count_if(o.operands.begin(), o.operands.end(), reaches) > 1)
            return false;
        products.push_back(&o);
    }
    for (Operation* o : products) {
        o->product.index = (int)o->operands.size();
        o->product.rows = g.extents[2];
        o->operands[o->product.a] = data;
        o->operands.push_back(index);
    }
    return !products.empty();
}

}  // namespace

bool overlap(const Operand& a, const Operand& b) {
    // Whole extents over members; steps never lead from one array into another.
    const auto end = [](const Operand& o) {
        return o.base + (o.members - 1) * std::max<int64_t>(o.member_stride, 0) + o.bytes;
    };
    if (!a.base || !b.base) return false;
    const bool apart = end(a) <= b.base || end(b) <= a.base;
    if (apart) return false;
    // Slices of one buffer interleave where members are strided: compare within one member.
    if (a.member_stride != 0 && a.member_stride == b.member_stride) {
        const int64_t distance = b.base - a.base;
        return distance < a.bytes && -distance < b.bytes;
    }
    return true;
}

std::vector<int> fuse(std::vector<Operation>& operations) {
    std::vector<bool> taken(operations.size(), false);
    const int count = (int)operations.size();
    for (int i = 0; i < count; ++i) taken[i] = read_in_place(operations, i);
    for (int i = 0; i < count; ++i) {
        if (operations[i].primitive->form != Form::product) continue;
        for (int j = std::max(0, i - 1); j < std::min(count, i + 3); ++j)
            if (!taken[j] && j != i && add_row_sums(operations[i], operations[j])) taken[j] = true;
        int next = i + 1;
        while (next < count && taken[next]) ++next;
        if (next < count && follow(operations, i, next)) taken[next] = true;
    }
    std::vector<int> order;
    for (int i = 0; i < count; ++i)
        if (!taken[i]) order.push_back(i);
    return order;
}

}  // namespace mlpcore
