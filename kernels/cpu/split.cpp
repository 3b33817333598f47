// Weight gradients of narrow layers: every thread adds up the rows that it has worked on itself,
// and what they found is joined. Cut by the gradient's rows instead, each would read what all
// others have in their caches.
#include "plan.h"

namespace mlpcore {
namespace {

const Primitive joining{.name = "join_parts", .passes = {{"join_parts", "size"}}};

Operand array(char* base, int64_t bytes, bool written) {
    Operand operand;
    operand.base = base, operand.bytes = bytes, operand.written = written;
    return operand;
}

}  // namespace

bool Plan::adds_up_parts(const Operation& operation) const {
    const Operation::Product& p = operation.product;
    return threads_ > 1 && operation.primitive->name == "affine_weight_gradient" &&
           2 * parts_of(p.k) * p.m * p.n < p.k * (p.m + p.n);
}

Plan::Parts Plan::add_up_parts(int index) {
    const Operation whole = operations_[index];
    const Operation::Product& p = whole.product;
    const int64_t item = whole.item(), size = p.m * p.n, sums = p.row_sums < 0 ? 0 : p.n;
    const int count = parts_of(p.k);
    char* others =
        (char*)room_.emplace_back().at_least((size_t)((count - 1) * (size + sums) * item));
    char* others_sums = others + (count - 1) * size * item;
    const Parts parts{(int)operations_.size(), (int)operations_.size() + count};
    for (int part = 0; part < count; ++part) {
        Operation own = whole;
        const int64_t first = part_begin(p.k, count, part);
        own.product.k = part_begin(p.k, count, part + 1) - first;
        if (p.index < 0)
            own.operands[p.a].base += first * p.a_column * item;
        else
            own.operands[p.index].base += first * (int64_t)sizeof(int64_t);
        own.operands[p.b].base += first * p.b_row * item;
        if (part > 0)
            own.operands[p.c] = array(others + (part - 1) * size * item, size * item, true);
        if (part > 0 && sums > 0)
            own.operands[p.row_sums] =
                array(others_sums + (part - 1) * sums * item, sums * item, true);
        operations_.push_back(own);
    }
    Operation join;
    join.primitive = &joining, join.passes = join.primitive->passes, join.float32 = whole.float32;
    join.operands = {array(others, (count - 1) * size * item, false),
                     array(others_sums, (count - 1) * sums * item, false), whole.operands[p.c],
                     sums > 0 ? whole.operands[p.row_sums] : Operand{}};
    join.extents = {count - 1, size, sums};
    join.lengths = {size};
    resolve_loops(join);
    operations_.push_back(join);
    return parts;
}

}  // namespace mlpcore
