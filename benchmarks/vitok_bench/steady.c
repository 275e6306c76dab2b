/* A repeatable clock and malloc for the programs of `counted.py`. `instructions.py` loads the library before libc
 * (LD_PRELOAD).
 *
 * The clock: every reading is a microsecond after the last one. The clock decides how often a loop checks for signals and
 * other threads; under valgrind, which takes fifty times as long, and on a busy machine, the decisions would differ from
 * those in a program, and from run to run. A sleep takes no time here, so a counted operation must not wait for a time.
 *
 * malloc: a list of free blocks for each size, so that every allocation costs the same. The time that glibc searches
 * depends on all earlier allocations, and changed a row by 3 % when an unrelated module was imported. An allocation is
 * cheaper here than there by some tens of instructions.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000L
/* A callback takes a tenth of this, a step of a task all of it. */
#define STEP_NS 1000

static long now_ns = SECOND_NS;

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, time);
    now_ns += STEP_NS;
    time->tv_sec = now_ns / SECOND_NS;
    time->tv_nsec = now_ns % SECOND_NS;
    return 0;
}

/* Before each block: its list, and its start, which differs from the address if the block is aligned. */
struct head {
    void *block;
    size_t list;
};
struct block {
    struct block *next;
};

/* Sizes are 2^k, with three steps between. */
#define LISTS 256
#define HEAD sizeof(struct head)
/* The bytes requested from the kernel at a time. */
#define REGION ((size_t)64 << 20)

static struct block *lists[LISTS];
static char *region, *region_end;
static atomic_flag is_locked = ATOMIC_FLAG_INIT;

static size_t list_of(size_t size, size_t *rounded) {
    size_t least = size + HEAD < 64 ? 64 : size + HEAD;
    unsigned power = 63 - (unsigned)__builtin_clzl(least - 1);
    size_t step = (size_t)1 << (power - 2), part = (least - 1) >> (power - 2);
    *rounded = (part + 1) * step;
    return power * 4 + (part & 3);
}

static char *cut(size_t size) {
    if ((size_t)(region_end - region) < size) {
        size_t asked = size > REGION ? (size + 4095) & ~(size_t)4095 : REGION;
        char *found = mmap(NULL, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (found == MAP_FAILED)
            return NULL;
        region = found, region_end = found + asked;
    }
    char *block = region;
    region += size;
    return block;
}

void *malloc(size_t size) {
    size_t rounded, list;
    if (size > PTRDIFF_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    list = list_of(size, &rounded);
    while (atomic_flag_test_and_set_explicit(&is_locked, memory_order_acquire)) {}
    char *block = (char *)lists[list];
    if (block)
        lists[list] = lists[list]->next;
    else
        block = cut(rounded);
    atomic_flag_clear_explicit(&is_locked, memory_order_release);
    if (!block) {
        errno = ENOMEM;
        return NULL;
    }
    *(struct head *)block = (struct head){block, list};
    return block + HEAD;
}

void free(void *memory) {
    if (!memory)
        return;
    struct head head = ((struct head *)memory)[-1];
    struct block *block = head.block;
    while (atomic_flag_test_and_set_explicit(&is_locked, memory_order_acquire)) {}
    block->next = lists[head.list];
    lists[head.list] = block;
    atomic_flag_clear_explicit(&is_locked, memory_order_release);
}

size_t malloc_usable_size(void *memory) {
    if (!memory)
        return 0;
    struct head head = ((struct head *)memory)[-1];
    size_t power = head.list / 4, part = head.list % 4 + 4;
    return ((part + 1) << (power - 2)) - (size_t)((char *)memory - (char *)head.block);
}

void *calloc(size_t count, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void *memory = malloc(all);
    return memory ? memset(memory, 0, all) : NULL;
}

void *realloc(void *memory, size_t size) {
    size_t room = malloc_usable_size(memory);
    /* A block that is less than half used is replaced, as when a reader cuts its buffer to what it has read. */
    if (memory && size <= room && size >= room / 2)
        return memory;
    void *moved = malloc(size);
    if (moved && memory) {
        memcpy(moved, memory, size < room ? size : room);
        free(memory);
    }
    return moved;
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    char *found = malloc(size + alignment + HEAD);
    if (!found)
        return ENOMEM;
    struct head head = ((struct head *)found)[-1];
    found = (char *)(((uintptr_t)found + alignment - 1) & ~(uintptr_t)(alignment - 1));
    ((struct head *)found)[-1] = head;
    *memory = found;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    void *memory;
    int error = posix_memalign(&memory, alignment, size);
    if (error) {
        errno = error;
        return NULL;
    }
    return memory;
}

void *memalign(size_t alignment, size_t size) {
    return aligned_alloc(alignment, size);
}
