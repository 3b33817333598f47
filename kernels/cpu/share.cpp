// Products cut by columns: every part needs all of A, in the order in which the kernels read it.
// All threads copy it together, once, instead of each for every part of its own.
#include "plan.h"
#include "run_product.h"

namespace mlpcore {
namespace {

const Primitive packing{.name = "pack_rows", .passes = {{"pack_slices", "groups"}}};

int64_t groups_of(const Operation::Product& p) {
    return (p.m + p.kernels->block_rows - 1) / p.kernels->block_rows;
}

int64_t packed_bytes(const Operation& product) {
    const Operation::Product& p = product.product;
    return groups_of(p) * p.kernels->block_rows * p.k * product.item();
}

}  // namespace

// Cutting rows makes every thread pack all of B; worth avoiding where B is large.
bool Plan::cuts_columns(const Operation::Product& p) const {
    return threads_ > 1 && p.k * p.n > 16 * 1024 && p.n >= 32 * threads_ && p.n * 4 > p.m;
}

bool Plan::shares_rows(const Operation& operation) const {
    const Operation::Product& p = operation.product;
    return operation.primitive->form == Form::product && !adds_up_parts(operation) &&
           cuts_columns(p) && worth_packing_rows(p.m, p.n, p.k) && !uses_blas();
}

void Plan::make_room_for_rows() {
    int64_t bytes = 0;
    for (const int i : order_)
        if (shares_rows(operations_[i])) bytes = std::max(bytes, packed_bytes(operations_[i]));
    rows_.at_least((size_t)bytes);
}

int Plan::share_rows(int index) {
    const Operation product = operations_[index];
    const Operation::Product& p = product.product;
    const int64_t groups = groups_of(p);
    Operand rows;
    rows.bytes = packed_bytes(product), rows.base = (char*)rows_.at_least((size_t)rows.bytes);
    rows.written = true;
    operations_[index].product.packed = (int)product.operands.size();
    operations_[index].operands.push_back(rows);
    Operation pack;
    pack.primitive = &packing, pack.passes = pack.primitive->passes;
    pack.float32 = product.float32;
    pack.operands = {product.operands[p.a],
                     p.index < 0 ? Operand{} : product.operands[p.index], rows};
    pack.operands[0].by_rows = pack.operands[1].by_rows = false;
    pack.extents = {p.m, p.k, p.a_row, p.a_column, slice_length(p.k, true), groups, p.rows};
    pack.lengths = {groups};
    resolve_loops(pack);
    operations_.push_back(pack);
    return (int)operations_.size() - 1;
}

}  // namespace mlpcore
