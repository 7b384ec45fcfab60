/* What the memory allows for rows at random: the limit that lookups and updates are held to. */
#include <stddef.h>
#include <stdint.h>

enum { AHEAD = 16, LINE = 16 }; /* rows fetched ahead; floats of a cache line */

static void fetch(const float *row, long width) {
    for (long i = 0; i < width; i += LINE)
        __builtin_prefetch(row + i, 1);
}

/* out[n] = table[ids[n]] */
void gather(const float *table, const int64_t *ids, float *out, long count, long width, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < count; n++) {
        if (n + AHEAD < count)
            fetch(table + ids[n + AHEAD] * width, width);
        const float *row = table + ids[n] * width;
        for (long i = 0; i < width; i++)
            out[n * width + i] = row[i];
    }
}

/* table[ids[n]] -= step * gradients[n]: a step of gradient descent; a row that is `copies` times as
   wide as its gradient holds the optimizer's state as well. Two threads that meet in a row may lose
   one of its updates: the values are never read, only the time counts. */
void update(float *table, const int64_t *ids, const float *gradients, long count, long width,
            long copies, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < count; n++) {
        if (n + AHEAD < count)
            fetch(table + ids[n + AHEAD] * width * copies, width * copies);
        for (long copy = 0; copy < copies; copy++) {
            float *row = table + (ids[n] * copies + copy) * width;
            for (long i = 0; i < width; i++)
                row[i] -= 1e-3f * gradients[n * width + i];
        }
    }
}

float sum(const float *values, long count, int threads) {
    float total = 0;
#pragma omp parallel for simd num_threads(threads) reduction(+ : total)
    for (long n = 0; n < count; n++)
        total += values[n];
    return total;
}

void copy(const float *from, float *to, long count, int threads) {
#pragma omp parallel for simd num_threads(threads)
    for (long n = 0; n < count; n++)
        to[n] = from[n];
}
