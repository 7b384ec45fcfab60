// Solves many small least squares problems with an elastic net and weights that are not negative.
//
// Each is solved by coordinate descent on its Gram matrix, which fits into the cache of a processor.
// The equation is that of the Python function which calls the op.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

constexpr int64_t kSweeps = 20;  // about as many as it takes, to share the work among threads

class ElasticNet : public tensorflow::OpKernel {
 public:
  explicit ElasticNet(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("l1", &l1_));
    OP_REQUIRES_OK(context, context->GetAttr("l2", &l2_));
    OP_REQUIRES_OK(context, context->GetAttr("tolerance", &tolerance_));
    OP_REQUIRES_OK(context, context->GetAttr("most_sweeps", &most_sweeps_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& gram = context->input(0);
    const Tensor& targets = context->input(1);
    OP_REQUIRES(context, targets.dims() == 2 && gram.dims() == 3,
                tensorflow::errors::InvalidArgument("`gram` must be [problems, k, k]."));
    const int64_t problems = targets.dim_size(0), k = targets.dim_size(1);
    OP_REQUIRES(context, gram.NumElements() == problems * k * k,
                tensorflow::errors::InvalidArgument("`gram` must be [problems, k, k]."));
    Tensor *weights, *residual;
    OP_REQUIRES_OK(context, context->allocate_output(0, targets.shape(), &weights));
    OP_REQUIRES_OK(context, context->allocate_output(1, targets.shape(), &residual));
    const float* g = gram.flat<float>().data();
    const float* b = targets.flat<float>().data();
    float* w = weights->flat<float>().data();
    float* r = residual->flat<float>().data();
    std::fill(w, w + problems * k, 0.0f);
    std::copy(b, b + problems * k, r);
    const auto* workers = context->device()->tensorflow_cpu_worker_threads();
    tensorflow::Shard(workers->num_threads, workers->workers, problems, kSweeps * k * k,
                      [&](int64_t begin, int64_t end) {
                        for (int64_t p = begin; p < end; ++p) {
                          Solve(k, g + p * k * k, w + p * k, r + p * k);
                        }
                      });
  }

 private:
  void Solve(int64_t k, const float* gram, float* weights, float* residual) const {
    for (int64_t sweep = 0; sweep < most_sweeps_; ++sweep) {
      float furthest = 0.0f;
      for (int64_t place = 0; place < k; ++place) {
        const float* row = gram + place * k;
        const float own = row[place];
        const float divisor = own > 0 ? own + l2_ : 1.0f;
        const float rest = residual[place] + own * weights[place];
        const float change = std::max(rest - l1_, 0.0f) / divisor - weights[place];
        if (change == 0) continue;
        for (int64_t i = 0; i < k; ++i) residual[i] -= change * row[i];
        weights[place] += change;
        furthest = std::max(furthest, std::fabs(change));
      }
      if (furthest < tolerance_) return;
    }
  }

  float l1_, l2_, tolerance_;
  int64_t most_sweeps_;
};

REGISTER_OP("RecommendersTfElasticNet")
    .Input("gram: float")
    .Input("targets: float")
    .Output("weights: float")
    .Output("residual: float")
    .Attr("l1: float")
    .Attr("l2: float")
    .Attr("tolerance: float")
    .Attr("most_sweeps: int")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(1));
      context->set_output(1, context->input(1));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfElasticNet").Device(tensorflow::DEVICE_CPU), ElasticNet);

}  // namespace recommenders_tf
