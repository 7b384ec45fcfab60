// Solves one regularized least squares problem for every row of a sparse matrix:
//   minimize  sum_j w_j (y_j - q_j x)^2 + x' G x + l |x|^2,
// where j runs over the row's entries and q_j is the row of `factors` that an entry names. Either
// exactly, by a Cholesky decomposition, or by a few steps of conjugate gradient from a start.
//
// Rows are solved side by side, each by one thread alone, so the result does not depend on the
// number of threads. Conjugate gradient never forms the matrix: a step costs a pass over the
// entries, four at a time, so that the sums of one do not wait for those of another.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::errors::InvalidArgument;

constexpr int kLanes = 8;         // sums kept apart, or each addition would wait for the last
constexpr int kTogether = 4;      // entries of one pass
constexpr int kAhead = 8;         // entries between the fetch of a row and its use
constexpr int kLine = 64;         // bytes of a cache line
constexpr int64_t kBlock = 256;   // entries whose outer products are added at once
constexpr float kSolved = 1e-20f;  // squared residual from which on a row counts as solved

using Vector = Eigen::VectorXf;
using Matrix = Eigen::MatrixXf;
using ConstVector = Eigen::Map<const Vector>;

// The entries of a row, and the table that they name rows of.
struct Entries {
  int64_t count;
  const int32_t* columns;
  const float* weights;
  const float* targets;
  const float* factors;
  int64_t width;

  const float* Factor(int64_t entry) const { return factors + columns[entry] * width; }
};

using Lanes = float __attribute__((vector_size(32)));

inline Lanes Load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

// Returns the inner products of four rows with v.
inline void Products(int64_t width, const float* const* rows, const float* v, float* products) {
  Lanes sums[kTogether] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    const Lanes part = Load(v + i);
    for (int k = 0; k < kTogether; ++k) sums[k] += Load(rows[k] + i) * part;
  }
  for (int k = 0; k < kTogether; ++k) {
    products[k] = 0;
    for (int lane = 0; lane < kLanes; ++lane) products[k] += sums[k][lane];
    for (int64_t rest = i; rest < width; ++rest) products[k] += rows[k][rest] * v[rest];
  }
}

inline void AddRows(int64_t width, const float* const* rows, const float* scales,
                    float* __restrict out) {
  const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  const float s = scales[0], t = scales[1], u = scales[2], v = scales[3];
  for (int64_t i = 0; i < width; ++i) out[i] += s * a[i] + t * b[i] + u * c[i] + v * d[i];
}

// Adds to `out` the rows of all entries, each times scale(entry, its product with v).
template <typename Scale>
void AddScaled(const Entries& row, const float* v, float* out, const Scale& scale) {
  for (int64_t j = 0; j < row.count; j += kTogether) {
    const float* rows[kTogether];
    float products[kTogether], scales[kTogether];
    for (int64_t next = j + kAhead; next < std::min(j + kAhead + kTogether, row.count); ++next) {
      const char* factor = reinterpret_cast<const char*>(row.Factor(next));
      for (int64_t byte = 0; byte < row.width * 4; byte += kLine) __builtin_prefetch(factor + byte);
    }
    // Past the last entry stands the last one again, and counts nothing.
    for (int k = 0; k < kTogether; ++k) rows[k] = row.Factor(std::min(j + k, row.count - 1));
    Products(row.width, rows, v, products);
    for (int k = 0; k < kTogether; ++k) {
      scales[k] = j + k < row.count ? scale(j + k, products[k]) : 0.f;
    }
    AddRows(row.width, rows, scales, out);
  }
}

// Takes steps of conjugate gradient from x, and returns the value of the objective there.
float Descend(const Entries& row, const Matrix& gram, float l2, int steps, Eigen::Ref<Vector> x) {
  Vector direction(row.width), change(row.width), residual = -(gram * x) - l2 * x;
  double loss = -x.dot(residual);
  AddScaled(row, x.data(), residual.data(), [&](int64_t j, float product) {
    const float error = row.targets[j] - product;
    loss += row.weights[j] * error * error;
    return row.weights[j] * error;
  });
  direction = residual;
  float square = residual.squaredNorm();
  for (int step = 0; step < steps && square > kSolved; ++step) {
    change.noalias() = gram * direction;
    change += l2 * direction;
    AddScaled(row, direction.data(), change.data(),
              [&](int64_t j, float product) { return row.weights[j] * product; });
    const float rate = square / direction.dot(change);
    x += rate * direction;
    residual -= rate * change;
    loss -= rate * square;
    const float next = residual.squaredNorm();
    direction = residual + next / square * direction;
    square = next;
  }
  return static_cast<float>(loss);
}

// Sets x to the solution and `loss` to the value there; returns whether there is one.
bool Solve(const Entries& row, const Matrix& gram, float l2, Matrix* normal, Matrix* block,
           Eigen::Ref<Vector> x, float* loss) {
  *normal = gram;
  normal->diagonal().array() += l2;
  Vector right = Vector::Zero(row.width);
  double squares = 0;
  for (int64_t begin = 0; begin < row.count; begin += kBlock) {
    const int64_t size = std::min(kBlock, row.count - begin);
    for (int64_t j = 0; j < size; ++j) {
      const ConstVector factor(row.Factor(begin + j), row.width);
      const float weight = row.weights[begin + j], target = row.targets[begin + j];
      block->col(j) = std::sqrt(weight) * factor;
      right += weight * target * factor;
      squares += weight * target * target;
    }
    normal->selfadjointView<Eigen::Lower>().rankUpdate(block->leftCols(size));
  }
  Eigen::LLT<Eigen::Ref<Matrix>> decomposed(*normal);
  if (decomposed.info() != Eigen::Success) return false;
  x = decomposed.solve(right);
  *loss = static_cast<float>(squares - right.dot(x));
  return true;
}

class LeastSquaresRows : public tensorflow::OpKernel {
 public:
  explicit LeastSquaresRows(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("steps", &steps_));
  }

  void Compute(OpKernelContext* context) override {
    const auto splits = context->input(0).flat<int64_t>();
    const auto columns = context->input(1).flat<int32_t>();
    const Tensor& factors = context->input(4);
    const Tensor& grams = context->input(5);
    const Tensor& start = context->input(7);
    const int64_t rows = splits.size() - 1, entries = columns.size();
    OP_REQUIRES(context, factors.dims() == 2 && start.dims() == 2,
                InvalidArgument("Factors and start must be matrices."));
    const int64_t width = factors.dim_size(1), height = factors.dim_size(0);
    OP_REQUIRES(context,
                context->input(2).NumElements() == entries &&
                    context->input(3).NumElements() == entries && splits(rows) == entries,
                InvalidArgument("Every entry must have a weight and a target."));
    OP_REQUIRES(context,
                grams.NumElements() == width * width && start.dim_size(1) == width &&
                    start.dim_size(0) == rows && context->input(6).NumElements() == rows,
                InvalidArgument("Shapes of gram, l2 and start must be those of the problem."));
    for (int64_t j = 0; j < entries; ++j) {
      OP_REQUIRES(context, columns(j) >= 0 && columns(j) < height,
                  InvalidArgument("Column ", columns(j), " is outside of the ", height, " rows."));
    }
    Tensor *solutions, *losses;
    OP_REQUIRES_OK(context, context->allocate_output(0, start.shape(), &solutions));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(6).shape(), &losses));

    // A symmetric matrix is the same by rows and by columns.
    const Matrix gram = Eigen::Map<const Matrix>(grams.flat<float>().data(), width, width);
    const float *weights = context->input(2).flat<float>().data(),
                *targets = context->input(3).flat<float>().data(),
                *l2 = context->input(6).flat<float>().data(),
                *from = start.flat<float>().data(), *table = factors.flat<float>().data();
    float *out = solutions->flat<float>().data(), *loss = losses->flat<float>().data();
    std::atomic<bool> solved(true);
    const auto* workers = context->device()->tensorflow_cpu_worker_threads();
    const int64_t per_entry = steps_ ? width * (steps_ + 1) : width * width / 4;
    const int64_t cost = per_entry * (entries / std::max<int64_t>(rows, 1) + width / 4);
    const auto work = [&](int64_t begin, int64_t end) {
      Matrix normal(width, width), block(width, steps_ ? 0 : kBlock);
      for (int64_t i = begin; i < end; ++i) {
        const Entries row = {splits(i + 1) - splits(i), columns.data() + splits(i),
                             weights + splits(i),       targets + splits(i),
                             table,                     width};
        Eigen::Map<Vector> x(out + i * width, width);
        x = ConstVector(from + i * width, width);
        if (steps_) {
          loss[i] = Descend(row, gram, l2[i], steps_, x);
        } else if (!Solve(row, gram, l2[i], &normal, &block, x, loss + i)) {
          solved = false;
        }
      }
    };
    tensorflow::Shard(workers->num_threads, workers->workers, rows, cost, work);
    OP_REQUIRES(context, solved.load(),
                InvalidArgument("A row has no one solution: its matrix is not positive definite. "
                                "Raise `l2`."));
  }

 private:
  int steps_;
};

REGISTER_OP("RecommendersTfLeastSquaresRows")
    .Input("splits: int64")
    .Input("columns: int32")
    .Input("weights: float")
    .Input("targets: float")
    .Input("factors: float")
    .Input("gram: float")
    .Input("l2: float")
    .Input("start: float")
    .Output("solutions: float")
    .Output("losses: float")
    .Attr("steps: int >= 0")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(7));
      context->set_output(1, context->input(6));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(
    Name("RecommendersTfLeastSquaresRows").Device(tensorflow::DEVICE_CPU), LeastSquaresRows);

}  // namespace recommenders_tf
