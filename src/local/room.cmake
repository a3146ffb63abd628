# The room builds with or without llama.cpp: exactly one of llama_api.cpp and llama_api_absent.cpp is compiled.
# A llama.cpp of the system or of the user (CMAKE_PREFIX_PATH) comes first, then the one that tools/local_models.sh keeps in the cache.
set(sighter_llama "")
if(SIGHTER_LOCAL)
  find_package(llama CONFIG QUIET)
  if(NOT llama_FOUND)
    if(DEFINED ENV{SIGHTER_CACHE})
      set(sighter_cache "$ENV{SIGHTER_CACHE}")
    elseif(DEFINED ENV{XDG_CACHE_HOME})
      set(sighter_cache "$ENV{XDG_CACHE_HOME}/sighter")
    else()
      set(sighter_cache "$ENV{HOME}/.cache/sighter")
    endif()
    find_package(llama CONFIG QUIET PATHS "${sighter_cache}/llama" NO_DEFAULT_PATH)
  endif()
  if(llama_FOUND)
    # The library's interface drifts: one that llama_api.cpp was not written for is left alone.
    include(CheckCXXSourceCompiles)
    string(MD5 sighter_llama_check "${llama_DIR} ${LLAMA_VERSION}")
    set(CMAKE_REQUIRED_INCLUDES "${LLAMA_INCLUDE_DIR}")
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # the headers tell; linking needs the C language
    set(CMAKE_REQUIRED_QUIET TRUE)
    check_cxx_source_compiles("
      #include <ggml-cpu.h>
      #include <llama.h>
      int main() {
        llama_context_params context = llama_context_default_params();
        context.kv_unified = true;
        llama_memory_seq_rm(llama_get_memory(nullptr), 0, 0, -1);
        return llama_version() == nullptr || llama_model_n_embd_out(nullptr) || llama_ftype_name(llama_model_ftype(nullptr)) ||
               llama_vocab_get_add_sep(nullptr) || ggml_threadpool_params_default(1).poll;
      }" SIGHTER_LLAMA_FITS_${sighter_llama_check})
    unset(CMAKE_REQUIRED_INCLUDES)
    unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
    unset(CMAKE_REQUIRED_QUIET)
    if(SIGHTER_LLAMA_FITS_${sighter_llama_check})
      message(STATUS "local models: llama.cpp ${LLAMA_VERSION} in ${llama_DIR}")
      set(sighter_llama llama)
    else()
      message(STATUS "local models: llama.cpp ${LLAMA_VERSION} in ${llama_DIR} has another interface, building without (-Dllama_DIR=... names another)")
    endif()
  else()
    message(STATUS "local models: no llama.cpp found, building without (tools/local_models.sh llama gets it)")
  endif()
endif()

if(sighter_llama)
  sighter_room(local USES text base LINKS fmt::fmt Threads::Threads ${sighter_llama} EXCLUDE llama_api_absent.cpp)
else()
  sighter_room(local USES text base LINKS fmt::fmt Threads::Threads EXCLUDE llama_api.cpp)
endif()

if(SIGHTER_BENCH AND sighter_llama)
  add_executable(local_bench "${CMAKE_SOURCE_DIR}/bench/local_bench.cpp")
  target_link_libraries(local_bench PRIVATE sighter_options fmt::fmt ${sighter_llama})
  sighter_use(local_bench local base)
endif()
