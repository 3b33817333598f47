// Aligned memory for intermediate results.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <new>

namespace mlpcore {

// Grows, and stays for the next time.
class Buffer {
  public:
    Buffer() = default;
    ~Buffer() { release(); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    void* at_least(size_t bytes) {
        if (bytes > size_) {
            release();
            data_ = ::operator new(bytes, std::align_val_t(alignment));
            size_ = bytes;
        }
        return data_;
    }

  private:
    static constexpr size_t alignment = 64;
    void release() {
        if (data_) ::operator delete(data_, std::align_val_t(alignment));
        data_ = nullptr, size_ = 0;
    }
    void* data_ = nullptr;
    size_t size_ = 0;
};

inline int64_t round_up(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

}  // namespace mlpcore
