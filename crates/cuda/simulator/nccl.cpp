// The functions of NCCL that this project calls, between processes of one machine: rank 0 adds what
// the others send it over Unix sockets.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>

namespace {

enum Code { SUCCESS = 0, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, IN_PROGRESS = 7 };
constexpr int FLOAT32 = 7;
constexpr int SUM = 0;
constexpr unsigned CONFIG_MAGIC = 0xcafebeef;

struct UniqueId {
    char internal[128];
};

// The first fields of ncclConfig_t.
struct Config {
    size_t size;
    unsigned magic;
    unsigned version;
    int blocking;
};

std::mutex settings;
std::map<std::string, int> failures;
std::map<std::string, int> listeners;
std::string last_error;
int version = 22203;

int wanted(const char *function) {
    std::lock_guard<std::mutex> lock(settings);
    auto failure = failures.find(function);
    if (failure == failures.end()) return SUCCESS;
    last_error = std::string("told to fail: ") + function;
    return failure->second;
}

int refuse(int code, const char *reason) {
    std::lock_guard<std::mutex> lock(settings);
    last_error = reason;
    return code;
}

// Abstract: it is gone with the process that made it.
socklen_t address_of(const std::string &name, sockaddr_un &address) {
    address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    return offsetof(sockaddr_un, sun_path) + 1 + name.size();
}

struct Group;

struct Job {
    Group *group;
    const float *from;
    float *to;
    size_t count;
    bool is_given = false;
    std::atomic<bool> is_done{false};
};

struct Group {
    int rank, size;
    std::string name;
    // Of rank 0 to ranks 1, 2, …; of others to rank 0 alone.
    std::vector<int> peers;
    std::atomic<int> code{IN_PROGRESS};
    std::atomic<bool> is_aborted{false};
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job *> jobs;
    // What was asked for and is not on its stream yet.
    std::deque<std::pair<Job *, void *>> accepted;
    std::thread worker;

    bool wait_for(int socket, short what) const {
        while (!is_aborted) {
            pollfd place = {socket, what, 0};
            if (poll(&place, 1, 10) > 0) return true;
        }
        return false;
    }

    // A process that died is waited for until somebody aborts.
    bool hang() const {
        while (!is_aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return false;
    }

    bool send_all(int socket, const void *data, size_t bytes) const {
        const auto *place = static_cast<const char *>(data);
        while (bytes > 0) {
            if (!wait_for(socket, POLLOUT)) return false;
            const ssize_t sent = send(socket, place, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent <= 0) return hang();
            place += sent;
            bytes -= sent;
        }
        return true;
    }

    bool receive_all(int socket, void *data, size_t bytes) const {
        auto *place = static_cast<char *>(data);
        while (bytes > 0) {
            if (!wait_for(socket, POLLIN)) return false;
            const ssize_t received = recv(socket, place, bytes, 0);
            if (received <= 0) return hang();
            place += received;
            bytes -= received;
        }
        return true;
    }

    bool join() {
        if (rank == 0) {
            int listener;
            {
                std::lock_guard<std::mutex> lock(settings);
                listener = listeners[name];
            }
            peers.assign(size - 1, -1);
            for (int count = 1; count < size; ++count) {
                if (!wait_for(listener, POLLIN)) return false;
                const int peer = accept(listener, nullptr, nullptr);
                int other = 0;
                if (!receive_all(peer, &other, sizeof other)) return false;
                peers[other - 1] = peer;
            }
            return true;
        }
        const int peer = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address;
        const socklen_t length = address_of(name, address);
        if (connect(peer, reinterpret_cast<sockaddr *>(&address), length) != 0) return hang();
        peers = {peer};
        return send_all(peer, &rank, sizeof rank);
    }

    bool sum(const Job &job) const {
        const size_t bytes = job.count * sizeof(float);
        if (rank != 0)
            return send_all(peers[0], job.from, bytes) && receive_all(peers[0], job.to, bytes);
        std::vector<float> sums(job.from, job.from + job.count), others(job.count);
        for (int peer : peers) {
            if (!receive_all(peer, others.data(), bytes)) return false;
            for (size_t place = 0; place < job.count; ++place) sums[place] += others[place];
        }
        std::memcpy(job.to, sums.data(), bytes);
        for (int peer : peers) {
            if (!send_all(peer, sums.data(), bytes)) return false;
        }
        return true;
    }

    void work() {
        if (!join()) return;
        code = SUCCESS;
        while (true) {
            std::unique_lock<std::mutex> lock(mutex);
            changed.wait(lock, [this] { return is_aborted || !jobs.empty(); });
            if (is_aborted) return;
            Job *job = jobs.front();
            jobs.pop_front();
            lock.unlock();
            if (!sum(*job)) return;
            job->is_done = true;
        }
    }
};

// What the stream asks again and again: 1 once the sum is there, or given up.
int attempt(void *data) {
    auto *job = static_cast<Job *>(data);
    if (!job->is_given) {
        job->is_given = true;
        std::lock_guard<std::mutex> lock(job->group->mutex);
        job->group->jobs.push_back(job);
        job->group->changed.notify_one();
    }
    return job->is_done || job->group->is_aborted ? 1 : 0;
}

using AskAgain = int (*)(void *, int (*)(void *), void *);

AskAgain ask_again() {
    void *driver = dlopen("libcuda.so", RTLD_NOW | RTLD_NOLOAD);
    return driver == nullptr ? nullptr
                             : reinterpret_cast<AskAgain>(dlsym(driver, "simulator_ask_again"));
}

} // namespace

#define BEGIN(name)                                                                                \
    if (const int code = wanted(name)) return code

extern "C" {

void nccl_simulator_fail(const char *function, int code) {
    std::lock_guard<std::mutex> lock(settings);
    failures[function] = code;
}

void nccl_simulator_set_version(int number) { version = number; }

int ncclGetVersion(int *number) {
    BEGIN("ncclGetVersion");
    *number = version;
    return SUCCESS;
}

int ncclGetUniqueId(UniqueId *id) {
    BEGIN("ncclGetUniqueId");
    static std::atomic<int> count{0};
    std::memset(id->internal, 0, sizeof id->internal);
    std::snprintf(id->internal, sizeof id->internal, "rszs-nccl-%d-%d", static_cast<int>(getpid()),
                  ++count);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address;
    const socklen_t length = address_of(id->internal, address);
    if (bind(listener, reinterpret_cast<sockaddr *>(&address), length) != 0 ||
        listen(listener, 64) != 0)
        return 2;
    std::lock_guard<std::mutex> lock(settings);
    listeners[id->internal] = listener;
    return SUCCESS;
}

int ncclCommInitRankConfig(void **handle, int size, UniqueId id, int rank, const Config *config) {
    BEGIN("ncclCommInitRankConfig");
    if (config->magic != CONFIG_MAGIC || config->blocking != 0)
        return refuse(INVALID_ARGUMENT, "expected a config that does not block");
    // Never freed: a stream may still hold its jobs.
    auto *group = new Group;
    group->rank = rank;
    group->size = size;
    group->name = id.internal;
    group->worker = std::thread([group] { group->work(); });
    *handle = group;
    return IN_PROGRESS;
}

int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation, void *handle,
                  void *stream) {
    BEGIN("ncclAllReduce");
    auto *group = static_cast<Group *>(handle);
    if (group->code != SUCCESS || !group->accepted.empty())
        return refuse(INVALID_USAGE, "the group is still busy");
    if (type != FLOAT32 || operation != SUM)
        return refuse(INVALID_ARGUMENT, "expected sums of float32");
    auto *job = new Job;
    job->group = group;
    job->from = static_cast<const float *>(from);
    job->to = static_cast<float *>(to);
    job->count = count;
    group->accepted.emplace_back(job, stream);
    return IN_PROGRESS;
}

int ncclCommGetAsyncError(void *handle, int *code) {
    BEGIN("ncclCommGetAsyncError");
    auto *group = static_cast<Group *>(handle);
    if (const int broken = wanted("asynchronous"); broken != SUCCESS && group->code == SUCCESS)
        group->code = broken;
    *code = group->code;
    if (!group->accepted.empty()) {
        const auto [job, stream] = group->accepted.front();
        group->accepted.pop_front();
        const AskAgain ask = ask_again();
        if (ask == nullptr || ask(stream, attempt, job) != 0)
            return refuse(INVALID_ARGUMENT, "expected a stream of the simulator");
        if (*code == SUCCESS) *code = IN_PROGRESS;
    }
    return SUCCESS;
}

int ncclCommAbort(void *handle) {
    BEGIN("ncclCommAbort");
    auto *group = static_cast<Group *>(handle);
    {
        std::lock_guard<std::mutex> lock(group->mutex);
        group->is_aborted = true;
        group->changed.notify_one();
    }
    group->worker.join();
    for (int peer : group->peers) close(peer);
    return SUCCESS;
}

const char *ncclGetErrorString(int code) {
    return code == SUCCESS ? "no error" : "an error of the stand-in";
}

const char *ncclGetLastError(void *) { return last_error.c_str(); }

} // extern "C"
