/* Preloaded into a process under test: moves CLOCK_REALTIME (and TAI) and answers adjtimex as the test
 * says, through a page shared with it. Monotonic clocks, sleeps and timers stay real.
 *
 *   cc -shared -fPIC -O2 -o clock_shim.so clock_shim.c -ldl
 *   CLOCK_SHIM=/path/to/page LD_PRELOAD=./clock_shim.so program
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

struct page {
    int64_t offset_ns;  /* added to CLOCK_REALTIME */
    int64_t refused;    /* errno of adjtimex; 0 answers */
    int64_t state;      /* its return value, TIME_OK ... TIME_ERROR */
    int64_t status;     /* STA_... bits */
    int64_t maxerror_us;
    int64_t esterror_us;
    int64_t tai_s;
};

static volatile struct page *page;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void attach(void)
{
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CLOCK_SHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof(struct page), PROT_READ, MAP_SHARED, fd, 0);
    page = at == MAP_FAILED ? NULL : at;
    close(fd);
}

static void move(struct timespec *time, int64_t by_ns)
{
    int64_t ns = time->tv_nsec + by_ns % 1000000000;
    time->tv_sec += by_ns / 1000000000;
    if (ns < 0) {
        ns += 1000000000;
        time->tv_sec -= 1;
    } else if (ns >= 1000000000) {
        ns -= 1000000000;
        time->tv_sec += 1;
    }
    time->tv_nsec = ns;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    if (!real_clock_gettime)
        real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_clock_gettime(id, time);
    if (result == 0 && page && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI))
        move(time, page->offset_ns);
    return result;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    value->tv_sec = now.tv_sec;
    value->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex *values)
{
    if (!page) {
        errno = ENOSYS;
        return -1;
    }
    if (page->refused) {
        errno = (int)page->refused;
        return -1;
    }
    values->status = (int)page->status;
    values->maxerror = page->maxerror_us;
    values->esterror = page->esterror_us;
    values->tai = (int)page->tai_s;
    values->freq = 0;
    return (int)page->state;
}
