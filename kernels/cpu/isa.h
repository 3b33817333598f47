// Which instruction set runs.
#pragma once

#include <string>
#include <vector>

#include "kernel.h"

namespace mlpcore {

const InstructionSet& instruction_set();
std::vector<std::string> instruction_sets_compiled_in();
// Throws std::invalid_argument where the set is not compiled in, or the processor lacks it.
void use_instruction_set(const std::string& name);
// Whether a BLAS multiplies large matrices faster. With wide vectors the kernels keep up with it,
// and pack B once where it would for each block of rows.
bool wants_blas();
const NamedLoop& find_loop(const std::string& name);

}  // namespace mlpcore
