#pragma once
// What a cascade asks of its learned steps. Private to the room.

#include <memory>

#include "functions/body.hpp"

namespace sighter::functions {

bool uses_vectors(const LearnedBody& learned);

// The models of a learned variant; reads the cases and embeds them first where that was not done
// yet.
io::Task<Result<std::shared_ptr<Fits>>> learned_fits(Engine::Impl& engine, const Function& function,
                                                     const Variant& variant,
                                                     const ApplyOptions& options);

}  // namespace sighter::functions
