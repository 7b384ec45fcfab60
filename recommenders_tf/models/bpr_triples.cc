// Takes the steps of LearnBPR (Rendle et al. 2009, figure 4), one triple after another: of every
// pair of user u and item i that are given, an item j is drawn that u has not met, and
//   p_u, q_i, q_j, b_i, b_j move along s dx/dw - l w, where x = p_u (q_i - q_j) + b_i - b_j and
//   s = 1 / (1 + e^x).
// Items are drawn for a few triples ahead, so that the rows of all three are fetched in time. What
// their users met is searched side by side: one search waits for memory at every step.

#define EIGEN_USE_THREADS

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
#include "tensorflow/core/kernels/training_op_helpers.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::Var;
using tensorflow::errors::InvalidArgument;

constexpr int kAhead = 16;  // triples whose rows are fetched before the first of them is used
constexpr int kLanes = 8;   // sums kept apart, or each addition would wait for the last
constexpr int kLine = 64;   // bytes of a cache line
constexpr int kTables = 3;  // of users, of items, and of the biases of items

// Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}

  // Returns a number below `limit`, all alike.
  int64_t Below(int64_t limit) {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    return static_cast<int64_t>((static_cast<unsigned __int128>(z) * limit) >> 64);
  }

 private:
  uint64_t state_;
};

struct Tables {
  float* users;
  float* items;
  float* biases;
  int64_t width;
};

struct Triple {
  int64_t user, item, other;
};

// A search for a key among rising ones.
struct Search {
  const int64_t* keys;
  int64_t count, key;
};

// Narrows searches to the last key that is not above the one they are for. None has a branch that
// depends on keys, so the next ones go on while one waits.
inline void Narrow(Search* searches, int number) {
  for (bool is_going = true; is_going;) {
    is_going = false;
    for (int n = 0; n < number; ++n) {
      Search& search = searches[n];
      const int64_t half = search.count / 2;
      search.keys += half * (search.keys[half] <= search.key);
      search.count -= half;
      is_going |= search.count > 1;
    }
  }
}

inline void Fetch(const float* row, int64_t width) {
  const char* start = reinterpret_cast<const char*>(row);
  for (int64_t byte = 0; byte < width * 4; byte += kLine) __builtin_prefetch(start + byte, 1);
}

using Lanes = float __attribute__((vector_size(32)));

inline Lanes Load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

// Takes one step, and returns -ln σ(x).
inline float Step(const Tables& tables, const Triple& triple, float rate, float l2) {
  const int64_t width = tables.width;
  float* __restrict p = tables.users + triple.user * width;
  float* __restrict q = tables.items + triple.item * width;
  float* __restrict r = tables.items + triple.other * width;
  float &b = tables.biases[triple.item], &c = tables.biases[triple.other];
  Lanes sums = {};
  int64_t k = 0;
  for (; k + kLanes <= width; k += kLanes) sums += Load(p + k) * (Load(q + k) - Load(r + k));
  float x = b - c;
  for (int lane = 0; lane < kLanes; ++lane) x += sums[lane];
  for (; k < width; ++k) x += p[k] * (q[k] - r[k]);
  const float decayed = std::exp(-std::abs(x));
  const float s = (x > 0 ? decayed : 1.f) / (1.f + decayed);
  const float along = rate * s, keep = 1.f - rate * l2;
  for (k = 0; k < width; ++k) {
    const float user = p[k], item = q[k], other = r[k];
    p[k] = keep * user + along * (item - other);
    q[k] = keep * item + along * user;
    r[k] = keep * other - along * user;
  }
  b = keep * b + along;
  c = keep * c - along;
  return std::log1p(decayed) + (x > 0 ? 0.f : -x);
}

class BprTriples : public tensorflow::OpKernel {
 public:
  explicit BprTriples(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("first_item", &first_item_));
    OP_REQUIRES_OK(context, context->GetAttr("tries", &tries_));
  }

  void Compute(OpKernelContext* context) override {
    tensorflow::core::RefCountPtr<Var> variables[kTables];
    for (int i = 0; i < kTables; ++i) {
      OP_REQUIRES_OK(context, LookupResource(context, HandleFromInput(context, i), &variables[i]));
      OP_REQUIRES_OK(context, (tensorflow::EnsureSparseVariableAccess<Eigen::ThreadPoolDevice, float>(
                                  context, variables[i].get())));
    }
    Tensor *users = variables[0]->tensor(), *items = variables[1]->tensor();
    const Tables tables = {users->flat<float>().data(), items->flat<float>().data(),
                           variables[2]->tensor()->flat<float>().data(), users->dim_size(1)};
    const int64_t num_users = users->dim_size(0), num_items = items->dim_size(0);
    const auto of_user = context->input(3).flat<int64_t>();
    const auto of_item = context->input(4).flat<int64_t>();
    const auto splits = context->input(5).flat<int64_t>();
    const auto keys = context->input(6).flat<int64_t>();
    const auto settings = context->input(7).flat<float>();
    OP_REQUIRES(context,
                of_user.size() == of_item.size() && splits.size() == num_users + 1 &&
                    splits(num_users) + 1 == keys.size() && settings.size() == 2 &&
                    items->dim_size(1) == tables.width && num_items > first_item_ &&
                    variables[2]->tensor()->NumElements() == num_items,
                InvalidArgument("Shapes of tables, pairs and what users met must fit."));
    for (int64_t n = 0; n < of_user.size(); ++n) {
      OP_REQUIRES(context,
                  of_user(n) >= 0 && of_user(n) < num_users && of_item(n) >= 0 &&
                      of_item(n) < num_items,
                  InvalidArgument("User ", of_user(n), " or item ", of_item(n), " has no row."));
    }
    SplitMix random(static_cast<uint64_t>(context->input(8).flat<int64_t>()(0)));
    const auto draw = [&] { return first_item_ + random.Below(num_items - first_item_); };
    const auto has_met = [&](int64_t user, int64_t item) {
      const int64_t* begin = keys.data() + splits(user);
      return std::binary_search(begin, keys.data() + splits(user + 1), user * num_items + item);
    };

    double loss = 0;
    int64_t steps = 0;
    Triple triples[kAhead];
    Search searches[kAhead];
    for (int64_t first = 0; first < of_user.size(); first += kAhead) {
      const int size = std::min<int64_t>(kAhead, of_user.size() - first);
      for (int n = 0; n < size; ++n) {
        const int64_t user = of_user(first + n), item = of_item(first + n), other = draw();
        triples[n] = {user, item, other};
        searches[n] = {keys.data() + splits(user), splits(user + 1) - splits(user),
                       user * num_items + other};
        Fetch(tables.users + user * tables.width, tables.width);
        Fetch(tables.items + item * tables.width, tables.width);
      }
      Narrow(searches, size);
      int drawn = 0;
      for (int n = 0; n < size; ++n) {
        Triple triple = triples[n];
        bool is_met = *searches[n].keys == searches[n].key;
        for (int attempt = 1; is_met && attempt < tries_; ++attempt) {
          triple.other = draw();
          is_met = has_met(triple.user, triple.other);
        }
        if (is_met) continue;
        Fetch(tables.items + triple.other * tables.width, tables.width);
        triples[drawn++] = triple;
      }
      for (int n = 0; n < drawn; ++n) loss += Step(tables, triples[n], settings(0), settings(1));
      steps += drawn;
    }
    Tensor* mean;
    OP_REQUIRES_OK(context, context->allocate_output(0, {}, &mean));
    mean->scalar<float>()() = steps ? static_cast<float>(loss / steps) : 0.f;
  }

 private:
  int first_item_;
  int tries_;
};

REGISTER_OP("RecommendersTfBprTriples")
    .Input("user_table: resource")
    .Input("item_table: resource")
    .Input("item_biases: resource")
    .Input("users: int64")
    .Input("items: int64")
    .Input("splits: int64")
    .Input("keys: int64")
    .Input("settings: float")
    .Input("seed: int64")
    .Output("loss: float")
    .Attr("first_item: int")
    .Attr("tries: int")
    .SetShapeFn(tensorflow::shape_inference::ScalarShape);
REGISTER_KERNEL_BUILDER(Name("RecommendersTfBprTriples").Device(tensorflow::DEVICE_CPU), BprTriples);

}  // namespace recommenders_tf
