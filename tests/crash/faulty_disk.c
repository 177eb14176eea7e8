/* A disk that is slow, full or broken when it is told to be: loaded before libc by LD_PRELOAD.
 *
 * FAULTY_DISK names a file of four ints that the test changes while the server runs: the errno that every sync
 * gives, the errno that every positioned write gives, and how many milliseconds a sync takes; how many syncs
 * there were is counted in the fourth. Only SQLite writes with pwrite here; logs and sockets are not touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int sync_errno, write_errno, sync_ms, syncs;
};

static struct control none;

static struct control *control(void) {
    static struct control *found;
    if (!found) {
        const char *name = getenv("FAULTY_DISK");
        int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
        void *memory = file < 0 ? MAP_FAILED : mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        found = memory == MAP_FAILED ? &none : memory;
        if (file >= 0) close(file);
    }
    return found;
}

static int before_sync(void) {
    struct control *now = control();
    __atomic_add_fetch(&now->syncs, 1, __ATOMIC_RELAXED);
    int left = now->sync_ms;
    while (left > 0 && now->sync_ms > 0) { /* a delay that is taken back ends at once */
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, 0);
        left--;
    }
    errno = now->sync_errno;
    return errno ? -1 : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file) { return before_sync() ? -1 : REAL(fsync)(file); }

int fdatasync(int file) { return before_sync() ? -1 : REAL(fdatasync)(file); }

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    if ((errno = control()->write_errno)) return -1;
    return REAL(pwrite64)(file, data, size, offset);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    if ((errno = control()->write_errno)) return -1;
    return REAL(pwrite)(file, data, size, offset);
}
