#include "isa.h"

#include <atomic>
#include <stdexcept>

namespace mlpcore {

extern const InstructionSet instruction_set_baseline, instruction_set_neon, instruction_set_avx2,
    instruction_set_avx512;

namespace {

// Best last.
const InstructionSet* const compiled_in[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &instruction_set_baseline,
    &instruction_set_avx2,
    &instruction_set_avx512,
#elif defined(__aarch64__) || defined(_M_ARM64)
    &instruction_set_neon,
#else
    &instruction_set_baseline,
#endif
};

bool supported(const std::string& name) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (name == "avx512")
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    // What the compiler may use everywhere.
    return name == compiled_in[0]->name;
}

const InstructionSet* best() {
    const InstructionSet* chosen = compiled_in[0];
    for (const InstructionSet* set : compiled_in)
        if (supported(set->name)) chosen = set;
    return chosen;
}

std::atomic<const InstructionSet*> in_use{nullptr};

}  // namespace

const InstructionSet& instruction_set() {
    const InstructionSet* set = in_use.load(std::memory_order_acquire);
    if (!set) {
        set = best();
        in_use.store(set, std::memory_order_release);
    }
    return *set;
}

std::vector<std::string> instruction_sets_compiled_in() {
    std::vector<std::string> names;
    for (const InstructionSet* set : compiled_in) names.push_back(set->name);
    return names;
}

void use_instruction_set(const std::string& name) {
    for (const InstructionSet* set : compiled_in)
        if (name == set->name && supported(name)) {
            in_use.store(set, std::memory_order_release);
            return;
        }
    throw std::invalid_argument("instruction set " + name +
                                " is not compiled in or not supported by this processor");
}

bool wants_blas() {
    constexpr int wide = 32;
    return instruction_set().vector_bytes < wide;
}

const NamedLoop& find_loop(const std::string& name) {
    const InstructionSet& set = instruction_set();
    for (int i = 0; i < set.count; ++i)
        if (name == set.loops[i].name) return set.loops[i];
    throw std::logic_error("no loop called " + name);
}

}  // namespace mlpcore
