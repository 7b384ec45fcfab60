// Updates the rows of a table that a sparse gradient names, and no others, in place.
//
// The places of a batch are first sorted into groups, each with a part of the table's pages of its
// own, small enough that what a group needs stays in the cache of a processor. A group chains the
// places of each row, sums the gradients of a chain in the order of the batch and applies the
// optimizer's rule. Rows are fetched ahead of their use, since most are misses; tables move to large
// pages of memory, or each row would cost a walk through the page tables as well. The result does
// not depend on the number of threads. The equations are those of the Python classes that call the
// op.

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::Var;
using tensorflow::errors::InvalidArgument;

constexpr int kAhead = 8;            // rows between the fetch of a row and its use
constexpr int kLongChain = 4;        // places of a row on average from which sums are kept of all
constexpr int kLine = 64;            // bytes of a cache line
constexpr int64_t kGroup = 4096;     // places that a group has on average
constexpr int64_t kMostGroups = 256;
constexpr int kPageRows = 6;         // log2 of the neighbouring rows that fall into one group

// A rule gets the summed gradient of a row, its weights and its state; `h` are its settings.

struct Sgd {
  static constexpr int kSettings = 1;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const*) {
    for (int64_t i = 0; i < n; ++i) w[i] -= h[0] * g[i];
  }
};

struct Momentum {
  static constexpr int kSettings = 3;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const* state) {
    float* m = state[0];
    const float rate = h[0], momentum = h[1];
    const bool nesterov = h[2] != 0;
    for (int64_t i = 0; i < n; ++i) {
      m[i] = momentum * m[i] - rate * g[i];
      w[i] += nesterov ? momentum * m[i] - rate * g[i] : m[i];
    }
  }
};

struct Adagrad {
  static constexpr int kSettings = 2;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const* state) {
    float* sum = state[0];
    for (int64_t i = 0; i < n; ++i) {
      sum[i] += g[i] * g[i];
      w[i] -= h[0] * g[i] / std::sqrt(sum[i] + h[1]);
    }
  }
};

struct RowwiseAdagrad {
  static constexpr int kSettings = 2;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const* state) {
    constexpr int kLanes = 16;  // apart, or the additions would wait for one another
    float lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) lanes[j] += g[i + j] * g[i + j];
    }
    for (; i < n; ++i) lanes[0] += g[i] * g[i];
    float squares = 0;
    for (float lane : lanes) squares += lane;
    const float sum = (*state[0] += squares / n);
    const float rate = h[0] / std::sqrt(sum + h[1]);
    for (i = 0; i < n; ++i) w[i] -= rate * g[i];
  }
};

struct Adam {
  static constexpr int kSettings = 4;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const* state) {
    float *m = state[0], *v = state[1];
    const float rate = h[0], first = h[1], second = h[2], epsilon = h[3];
    for (int64_t i = 0; i < n; ++i) {
      m[i] += (g[i] - m[i]) * first;
      v[i] += (g[i] * g[i] - v[i]) * second;
      w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
    }
  }
};

struct Ftrl {
  static constexpr int kSettings = 4;
  static void Apply(const float* h, int64_t n, const float* g, float* w, float* const* state) {
    float *sum = state[0], *linear = state[1];
    const float rate = h[0], l1 = h[1], l2 = h[2], beta = h[3];
    for (int64_t i = 0; i < n; ++i) {
      const float before = std::sqrt(sum[i]);
      sum[i] += g[i] * g[i];
      const float after = std::sqrt(sum[i]);
      linear[i] += g[i] - (after - before) / rate * w[i];
      const float low = linear[i] < -l1 ? -l1 : linear[i];
      const float clipped = low > l1 ? l1 : low;
      w[i] = (clipped - linear[i]) / ((after + beta) / rate + 2 * l2);
    }
  }
};

struct Table {
  float* data;
  int64_t width;

  float* Row(int64_t row) const { return data + row * width; }

  void Fetch(int64_t row) const {
    const char* start = reinterpret_cast<const char*>(Row(row));
    for (int64_t byte = 0; byte < width * 4; byte += kLine) __builtin_prefetch(start + byte, 1);
  }
};

inline uint64_t Mix(uint64_t id) {
  id *= 0x9E3779B97F4A7C15ull;
  return id ^ (id >> 29);
}

// A row of a group with the first and the last of its places.
struct Occurrence {
  int64_t row;
  int32_t first;
  int32_t last;
};

// Asks the system to hold a table in large pages, now if it can, and goes on either way.
inline void UseLargePages(const float* data, int64_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = 2 << 20;
  constexpr int kCollapse = 25;  // MADV_COLLAPSE, of Linux 6.1
  const uintptr_t start = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (start + kPage - 1) / kPage * kPage, end = (start + bytes) / kPage * kPage;
  if (begin >= end) return;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  madvise(reinterpret_cast<void*>(begin), end - begin, kCollapse);
#endif
}

template <typename Rule, typename Index>
class RowUpdate : public tensorflow::OpKernel {
 public:
  explicit RowUpdate(OpKernelConstruction* context) : OpKernel(context) {}

  void Compute(OpKernelContext* context) override {
    const int num_tables = context->num_inputs() - 3;
    std::vector<tensorflow::core::RefCountPtr<Var>> variables(num_tables);
    std::vector<Table> tables(num_tables);
    int64_t rows = 0;
    for (int i = 0; i < num_tables; ++i) {
      OP_REQUIRES_OK(context, LookupResource(context, HandleFromInput(context, i), &variables[i]));
      OP_REQUIRES_OK(context, MakeOwn(context, variables[i].get()));
      Tensor* tensor = variables[i]->tensor();
      if (i == 0) rows = tensor->dim_size(0);
      OP_REQUIRES(context, tensor->dim_size(0) == rows,
                  InvalidArgument("State and table must have the same number of rows."));
      tables[i] = {tensor->flat<float>().data(), rows ? tensor->NumElements() / rows : 0};
    }
    Settle(tables, rows);
    const Tensor& indices = context->input(num_tables);
    const Tensor& gradient = context->input(num_tables + 1);
    const Tensor& settings = context->input(num_tables + 2);
    const int64_t count = indices.NumElements();
    OP_REQUIRES(context, gradient.NumElements() == count * tables[0].width,
                InvalidArgument("The gradient must have one row for each index."));
    OP_REQUIRES(context, settings.NumElements() == Rule::kSettings,
                InvalidArgument("Expected ", Rule::kSettings, " settings."));
    OP_REQUIRES(context, count < INT32_MAX, InvalidArgument("Too many rows in one batch."));
    const Index* ids = indices.flat<Index>().data();
    for (int64_t i = 0; i < count; ++i) {
      OP_REQUIRES(context, ids[i] >= 0 && ids[i] < rows,
                  InvalidArgument("Row ", ids[i], " is outside of the table of ", rows, "."));
    }
    const float* rows_of_gradient = gradient.flat<float>().data();
    const Groups groups = Sort(context, ids, count);
    const int64_t number = groups.starts.size() - 1;
    Parallel(context, number, 100 * count / std::max<int64_t>(number, 1), [&](int64_t group) {
      UpdateGroup(groups.places.data() + groups.starts[group],
                  groups.starts[group + 1] - groups.starts[group], ids, rows_of_gradient,
                  settings.flat<float>().data(), tables);
    });
  }

 private:
  // Gives the variable a buffer that no reader shares, now and at later reads.
  static absl::Status MakeOwn(OpKernelContext* context, Var* variable) {
    if (variable->copy_on_read_mode.load()) return absl::OkStatus();
    tensorflow::mutex_lock lock(*variable->mu());
    if (variable->copy_on_read_mode.load()) return absl::OkStatus();
    Tensor* tensor = variable->tensor();
    if (!tensor->RefCountIsOne()) {
      Tensor own;
      TF_RETURN_IF_ERROR(context->allocate_temp(tensor->dtype(), tensor->shape(), &own));
      std::memcpy(own.flat<float>().data(), tensor->flat<float>().data(), tensor->TotalBytes());
      *tensor = own;
    }
    variable->copy_on_read_mode.store(true);
    return absl::OkStatus();
  }

  // Moves tables to large pages when they are first seen, and again where a restored checkpoint
  // has given them other memory.
  void Settle(const std::vector<Table>& tables, int64_t rows) {
    tensorflow::mutex_lock lock(mutex_);
    seen_.resize(tables.size());
    for (size_t i = 0; i < tables.size(); ++i) {
      if (seen_[i] == tables[i].data) continue;
      seen_[i] = tables[i].data;
      UseLargePages(tables[i].data, rows * tables[i].width * sizeof(float));
    }
  }

  // Runs `work` for 0 to `total`, on the threads of the device.
  template <typename Work>
  static void Parallel(OpKernelContext* context, int64_t total, int64_t cost, const Work& work) {
    const auto* workers = context->device()->tensorflow_cpu_worker_threads();
    tensorflow::Shard(workers->num_threads, workers->workers, total, cost,
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) work(i);
                      });
  }

  // The places of the batch, those of a group side by side in the order of the batch.
  struct Groups {
    std::vector<int32_t> places;
    std::vector<int64_t> starts;
  };

  static Groups Sort(OpKernelContext* context, const Index* ids, int64_t count) {
    const int64_t number = std::min(kMostGroups, (count + kGroup - 1) / kGroup);
    Groups groups;
    groups.places.resize(count);
    groups.starts.assign(number + 1, 0);
    const auto group_of = [&](int64_t place) -> int64_t {
      return (Mix(ids[place] >> kPageRows) >> 32) * number >> 32;
    };
    // Every chunk of the batch counts its places by group and then puts them behind those of the
    // chunks before it.
    const int64_t chunks = std::max<int64_t>(number, 1), size = (count + chunks - 1) / chunks;
    std::vector<int64_t> ends(chunks * number, 0);
    const auto for_places = [&](int64_t chunk, const auto& visit) {
      const int64_t end = std::min(count, (chunk + 1) * size);
      for (int64_t place = chunk * size; place < end; ++place) visit(place);
    };
    Parallel(context, chunks, 3 * size, [&](int64_t chunk) {
      for_places(chunk, [&](int64_t place) { ++ends[chunk * number + group_of(place)]; });
    });
    int64_t total = 0;
    for (int64_t group = 0; group < number; ++group) {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const int64_t places = ends[chunk * number + group];
        ends[chunk * number + group] = total;
        total += places;
      }
      groups.starts[group + 1] = total;
    }
    Parallel(context, chunks, 5 * size, [&](int64_t chunk) {
      for_places(chunk, [&](int64_t place) {
        groups.places[ends[chunk * number + group_of(place)]++] = static_cast<int32_t>(place);
      });
    });
    return groups;
  }

  static void UpdateGroup(const int32_t* places, int64_t count, const Index* ids,
                          const float* gradient, const float* settings,
                          const std::vector<Table>& tables) {
    std::vector<Occurrence> found;
    std::vector<int32_t> next(count, -1), of_row(count);
    Chain(ids, places, count, &found, &next, &of_row);
    const int64_t width = tables[0].width;
    const Table gradients = {const_cast<float*>(gradient), width};
    // Along a chain each gradient is a miss that has to be waited for. Where chains are long, as
    // those of lists of ids are, the sums of all rows stay in the cache instead, and the gradients
    // are added as the batch has them.
    const bool is_dense = kLongChain * found.size() <= static_cast<size_t>(count);
    std::vector<float> sum(is_dense ? found.size() * width : width);
    if (is_dense) AddUp(places, of_row, gradients, sum.data());
    std::vector<float*> state(tables.size() - 1);
    for (size_t k = 0; k < found.size(); ++k) {
      if (k + kAhead < found.size()) {
        for (const Table& table : tables) table.Fetch(found[k + kAhead].row);
        if (!is_dense) gradients.Fetch(places[found[k + kAhead].first]);
      }
      const float* total = gradients.Row(places[found[k].first]);
      if (is_dense) {
        total = sum.data() + k * width;
      } else if (found[k].first != found[k].last) {
        std::memcpy(sum.data(), total, width * sizeof(float));
        for (int32_t j = next[found[k].first]; j >= 0; j = next[j]) {
          const float* more = gradients.Row(places[j]);
          for (int64_t i = 0; i < width; ++i) sum[i] += more[i];
        }
        total = sum.data();
      }
      for (size_t s = 1; s < tables.size(); ++s) state[s - 1] = tables[s].Row(found[k].row);
      Rule::Apply(settings, width, total, tables[0].Row(found[k].row), state.data());
    }
  }

  // Adds the gradient of every place to the sum of its row; the sums begin as zeros.
  static void AddUp(const int32_t* places, const std::vector<int32_t>& of_row,
                    const Table& gradients, float* sums) {
    const int64_t count = of_row.size(), width = gradients.width;
    for (int64_t j = 0; j < count; ++j) {
      if (j + kAhead < count) gradients.Fetch(places[j + kAhead]);
      const float* more = gradients.Row(places[j]);
      float* sum = sums + of_row[j] * width;
      for (int64_t i = 0; i < width; ++i) sum[i] += more[i];
    }
  }

  // Finds the distinct rows of a group, in the order of the batch, links the places of each, and
  // tells for every place which of the rows is its own.
  static void Chain(const Index* ids, const int32_t* places, int64_t count,
                    std::vector<Occurrence>* found, std::vector<int32_t>* next,
                    std::vector<int32_t>* of_row) {
    size_t slots = 16;
    while (slots < 2 * static_cast<size_t>(count)) slots *= 2;
    std::vector<int32_t> table(slots, -1);
    found->reserve(count);
    for (int64_t j = 0; j < count; ++j) {
      const int64_t row = ids[places[j]];
      const int32_t place = static_cast<int32_t>(j);
      for (size_t slot = Mix(row) & (slots - 1);; slot = (slot + 1) & (slots - 1)) {
        if (table[slot] < 0) {
          (*of_row)[j] = table[slot] = static_cast<int32_t>(found->size());
          found->push_back({row, place, place});
          break;
        }
        Occurrence& seen = (*found)[table[slot]];
        if (seen.row == row) {
          (*of_row)[j] = table[slot];
          (*next)[seen.last] = place;
          seen.last = place;
          break;
        }
      }
    }
  }

  tensorflow::mutex mutex_;
  std::vector<const float*> seen_;
};

#define REGISTER_RULE(RULE)                                                                      \
  REGISTER_OP("RecommendersTf" #RULE "Rows")                                                     \
      .Input("table: resource")                                                                  \
      .Input("state: num_state * resource")                                                      \
      .Input("indices: index")                                                                   \
      .Input("gradient: float")                                                                  \
      .Input("settings: float")                                                                  \
      .Attr("num_state: int >= 0")                                                               \
      .Attr("index: {int32, int64}")                                                             \
      .SetShapeFn(tensorflow::shape_inference::NoOutputs);                                       \
  REGISTER_KERNEL_BUILDER(                                                                       \
      Name("RecommendersTf" #RULE "Rows").Device(tensorflow::DEVICE_CPU).TypeConstraint<int32_t>("index"), \
      RowUpdate<RULE, int32_t>);                                                                 \
  REGISTER_KERNEL_BUILDER(                                                                       \
      Name("RecommendersTf" #RULE "Rows").Device(tensorflow::DEVICE_CPU).TypeConstraint<int64_t>("index"), \
      RowUpdate<RULE, int64_t>);

REGISTER_RULE(Sgd)
REGISTER_RULE(Momentum)
REGISTER_RULE(Adagrad)
REGISTER_RULE(RowwiseAdagrad)
REGISTER_RULE(Adam)
REGISTER_RULE(Ftrl)

}  // namespace recommenders_tf
