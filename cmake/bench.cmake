# Programs behind the claims of speed: bench/run builds and runs them. Included with -DSIGHTER_BENCH=ON.
function(sighter_bench name)
  add_executable(${name} "${CMAKE_SOURCE_DIR}/bench/${name}.cpp")
  target_link_libraries(${name} PRIVATE sighter_options fmt::fmt Threads::Threads)
  sighter_use(${name} ${ARGN} base)
endfunction()

sighter_bench(learn_bench learn)
sighter_bench(store_bench store)
sighter_bench(io_bench io)
sighter_bench(upstream io)
sighter_bench(load io)
sighter_bench(relay io)
