// What the simulated driver knows.
//
// A stream does nothing before somebody waits for it, and then no more than is waited for: whoever
// forgets to wait sees old values. All memory is the host's, with a margin on both sides that is
// looked at whenever somebody waits.

#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

// Codes of cuda.h.
enum Code {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    CAPTURE_UNSUPPORTED = 900,
};

using Work = std::function<void()>;
// Work that may have to be tried again: what other processes have a part in.
using Attempt = std::function<bool()>;

struct Graph {
    std::vector<Work> work;
};

struct Stream {
    std::deque<Attempt> waiting;
    uint64_t asked = 0;
    uint64_t done = 0;
    std::unique_ptr<Graph> captured;

    void ask(Work work) {
        if (captured) {
            captured->work.push_back(std::move(work));
        } else {
            ask_again([work = std::move(work)] {
                work();
                return true;
            });
        }
    }

    // Asks until the answer is yes. A graph does not capture it.
    void ask_again(Attempt attempt) {
        waiting.push_back(std::move(attempt));
        ++asked;
    }

    // Does what it can at once; whether it came to `position`.
    bool try_until(uint64_t position) {
        while (done < position) {
            Attempt attempt = std::move(waiting.front());
            waiting.pop_front();
            ++done;
            if (!attempt()) {
                waiting.push_front(std::move(attempt));
                --done;
                return false;
            }
        }
        return true;
    }

    void run_until(uint64_t position) {
        while (!try_until(position)) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
};

struct Event {
    std::shared_ptr<Stream> stream;
    uint64_t position = 0;
    uint64_t recorded = 0;
    uint64_t reached = 0;
    std::chrono::steady_clock::time_point time;
};

struct Allocation {
    size_t bytes;
    bool is_mapped;
};

constexpr size_t MARGIN = 256;
constexpr unsigned char MARGIN_BYTE = 0xa5;
constexpr unsigned char FRESH_BYTE = 0xcd;
constexpr size_t TOTAL_BYTES = size_t(8) << 30;

struct State {
    std::recursive_mutex mutex;
    std::map<std::string, int> failures;
    std::map<std::string, uint64_t> calls;
    std::map<void *, std::shared_ptr<Stream>> streams;
    std::map<void *, std::shared_ptr<Event>> events;
    std::map<uintptr_t, Allocation> device_memory;
    std::map<uintptr_t, Allocation> pinned_memory;
    size_t used_bytes = 0;

    // The stream without a handle, where other libraries of the process work.
    State() { streams[nullptr] = std::make_shared<Stream>(); }

    bool margins_are_whole() const {
        for (const auto &[address, allocation] : device_memory) {
            const auto *start = reinterpret_cast<const unsigned char *>(address);
            for (size_t place = 1; place <= MARGIN; ++place) {
                if (start[-(ptrdiff_t)place] != MARGIN_BYTE ||
                    start[allocation.bytes + place - 1] != MARGIN_BYTE)
                    return false;
            }
        }
        return true;
    }

    bool holds(uintptr_t address, size_t bytes) const {
        auto next = device_memory.upper_bound(address);
        if (next == device_memory.begin()) return false;
        const auto &[start, allocation] = *--next;
        return address + bytes <= start + allocation.bytes;
    }
};

inline State &state() {
    static State *the_state = new State; // never destroyed: handles outlive the test
    return *the_state;
}

// Counts the call and gives the code that a test wants of it.
inline int called(const char *function) {
    ++state().calls[function];
    auto failure = state().failures.find(function);
    // As every call does once a device is lost.
    if (failure == state().failures.end()) failure = state().failures.find("*");
    return failure == state().failures.end() ? SUCCESS : failure->second;
}
