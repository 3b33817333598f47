// What the tests call: runs a kernel over a whole grid.
extern "C" void launch(void (*kernel)(const Call), const Call* call, unsigned blocks,
                       unsigned members, unsigned threads) {
    gridDim = {blocks, members, 1}, blockDim = {threads, 1, 1};
    auto run = [&] { kernel(*call); };
    for (unsigned y = 0; y < members; ++y)
        for (unsigned x = 0; x < blocks; ++x) blockIdx = {x, y, 0}, shim::run_block(run);
}
