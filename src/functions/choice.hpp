#pragma once
// Which body answers where nobody says which.

#include "functions/engine.hpp"

namespace sighter::functions {

// The winner of the last verdict, else the first body that can run. Waits for the disk. The error
// says why none can.
Result<const Variant*> choose_variant(Engine& engine, const Function& function);
// The same for a core: the disk is waited for elsewhere.
io::Task<Result<const Variant*>> choose_variant_aside(Engine& engine, const Function& function);

}  // namespace sighter::functions
