// Dice with the statistics of the batch, and its gradient: y = x (α + p (1 - α)), p = σ(z),
// z = (x - E[x]) / √(Var[x] + ε), over the rows of a matrix, each channel for itself.
//
// TensorFlow's own ops take a pass over memory for every sign of the equation. Here the statistics
// take one and the values one, each in blocks of rows that stay in the cache; the gradient computes
// p anew instead of keeping it. Sums are those of blocks, added up in their order, so the result
// does not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;

constexpr int64_t kBlock = 256;  // rows

// e^x to 2 units in the last place, written so that a compiler computes many at once.
inline float Exp(float x) {
  constexpr float kRound = 12582912.f;  // 1.5 * 2^23: adding it leaves no digits after the point
  x = std::min(std::max(x, -87.f), 87.f);
  const float n = (x * 1.44269504f + kRound) - kRound;
  const float f = x - n * 0.693359375f + n * 2.12194440e-4f;  // of x = n ln 2 + f
  float e = 1.f / 5040;
  e = e * f + 1.f / 720;
  e = e * f + 1.f / 120;
  e = e * f + 1.f / 24;
  e = e * f + 1.f / 6;
  e = e * f + 0.5f;
  e = e * f + 1.f;
  e = e * f + 1.f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return e * power;
}

inline float Sigmoid(float z) { return 1.f / (1.f + Exp(-z)); }

// Calls work(block, first row, end) for all blocks of rows, on the threads of the device.
template <typename Work>
void ForBlocks(OpKernelContext* context, int64_t rows, int64_t width, const Work& work) {
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  tensorflow::Shard(workers->num_threads, workers->workers, blocks, 2 * kBlock * width,
                    [&](int64_t begin, int64_t end) {
                      for (int64_t b = begin; b < end; ++b) {
                        work(b, b * kBlock, std::min(rows, (b + 1) * kBlock));
                      }
                    });
}

class Dice : public tensorflow::OpKernel {
 public:
  explicit Dice(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& inputs = context->input(0);
    const Tensor& alphas = context->input(1);
    OP_REQUIRES(context, inputs.dims() == 2 && alphas.NumElements() == inputs.dim_size(1),
                InvalidArgument("Dice takes a matrix and one slope for each of its columns."));
    const int64_t rows = inputs.dim_size(0), width = inputs.dim_size(1);
    Tensor *outputs, *means, *variances;
    OP_REQUIRES_OK(context, context->allocate_output(0, inputs.shape(), &outputs));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({width}), &means));
    OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({width}), &variances));
    const float* x = inputs.flat<float>().data();
    const float* alpha = alphas.flat<float>().data();
    float* mean = means->flat<float>().data();
    float* variance = variances->flat<float>().data();
    Moments(context, x, rows, width, mean, variance);
    std::vector<float> scale(width);
    for (int64_t c = 0; c < width; ++c) scale[c] = 1 / std::sqrt(variance[c] + epsilon_);
    float* y = outputs->flat<float>().data();
    ForBlocks(context, rows, width, [&](int64_t, int64_t first, int64_t end) {
      for (int64_t n = first; n < end; ++n) {
        Activate(width, x + n * width, alpha, mean, scale.data(), y + n * width);
      }
    });
  }

 private:
  // Mean and variance of each block, then of all: the variance is never a difference of squares.
  static void Moments(OpKernelContext* context, const float* x, int64_t rows, int64_t width,
                      float* mean, float* variance) {
    const int64_t blocks = (rows + kBlock - 1) / kBlock;
    std::vector<float> sums(blocks * width, 0.f), squares(blocks * width, 0.f);
    ForBlocks(context, rows, width, [&](int64_t block, int64_t first, int64_t end) {
      float* sum = sums.data() + block * width;
      float* square = squares.data() + block * width;
      for (int64_t n = first; n < end; ++n) {
        for (int64_t c = 0; c < width; ++c) sum[c] += x[n * width + c];
      }
      const float count = end - first;
      for (int64_t n = first; n < end; ++n) {
        for (int64_t c = 0; c < width; ++c) {
          const float off = x[n * width + c] - sum[c] / count;
          square[c] += off * off;
        }
      }
    });
    for (int64_t c = 0; c < width; ++c) {
      double sum = 0, square = 0;
      for (int64_t b = 0; b < blocks; ++b) sum += sums[b * width + c];
      mean[c] = rows ? sum / rows : 0;
      for (int64_t b = 0; b < blocks; ++b) {
        const double count = std::min(rows, (b + 1) * kBlock) - b * kBlock;
        const double off = sums[b * width + c] / count - mean[c];
        square += squares[b * width + c] + count * off * off;
      }
      variance[c] = rows ? square / rows : 0;
    }
  }

  static void Activate(int64_t width, const float* __restrict x, const float* __restrict alpha,
                       const float* __restrict mean, const float* __restrict scale,
                       float* __restrict y) {
    for (int64_t c = 0; c < width; ++c) {
      const float p = Sigmoid((x[c] - mean[c]) * scale[c]);
      y[c] = x[c] * (alpha[c] + p * (1 - alpha[c]));
    }
  }

  float epsilon_;
};

class DiceGradient : public tensorflow::OpKernel {
 public:
  explicit DiceGradient(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& inputs = context->input(0);
    const int64_t rows = inputs.dim_size(0), width = inputs.dim_size(1);
    Tensor *of_inputs, *of_alpha;
    OP_REQUIRES_OK(context, context->allocate_output(0, inputs.shape(), &of_inputs));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({width}), &of_alpha));
    const float* x = inputs.flat<float>().data();
    const float* alpha = context->input(1).flat<float>().data();
    const float* mean = context->input(2).flat<float>().data();
    const float* variance = context->input(3).flat<float>().data();
    const float* g = context->input(4).flat<float>().data();
    std::vector<float> scale(width);
    for (int64_t c = 0; c < width; ++c) scale[c] = 1 / std::sqrt(variance[c] + epsilon_);

    // Sums over the rows: of the gradient of z, of that times z, and of the gradient of α.
    const int64_t blocks = (rows + kBlock - 1) / kBlock;
    std::vector<float> sums(3 * blocks * width, 0.f);
    ForBlocks(context, rows, width, [&](int64_t block, int64_t first, int64_t end) {
      float* sum = sums.data() + 3 * block * width;
      for (int64_t n = first; n < end; ++n) {
        Add(width, x + n * width, g + n * width, alpha, mean, scale.data(), sum, sum + width,
            sum + 2 * width);
      }
    });
    std::vector<float> total(3 * width);
    for (int64_t c = 0; c < 3 * width; ++c) {
      double sum = 0;
      for (int64_t b = 0; b < blocks; ++b) sum += sums[3 * b * width + c];
      total[c] = c < 2 * width ? sum / std::max<int64_t>(rows, 1) : sum;
    }
    std::copy(total.begin() + 2 * width, total.end(), of_alpha->flat<float>().data());

    float* out = of_inputs->flat<float>().data();
    const float *mean_dz = total.data(), *mean_dz_z = total.data() + width;
    ForBlocks(context, rows, width, [&](int64_t, int64_t first, int64_t end) {
      for (int64_t n = first; n < end; ++n) {
        Differentiate(width, x + n * width, g + n * width, alpha, mean, scale.data(), mean_dz,
                      mean_dz_z, out + n * width);
      }
    });
  }

 private:
  static void Add(int64_t width, const float* __restrict x, const float* __restrict g,
                  const float* __restrict alpha, const float* __restrict mean,
                  const float* __restrict scale, float* __restrict of_z,
                  float* __restrict of_z_z, float* __restrict of_slope) {
    for (int64_t c = 0; c < width; ++c) {
      const float z = (x[c] - mean[c]) * scale[c], p = Sigmoid(z);
      const float dz = g[c] * x[c] * p * (1 - p) * (1 - alpha[c]);
      of_z[c] += dz;
      of_z_z[c] += dz * z;
      of_slope[c] += g[c] * x[c] * (1 - p);
    }
  }

  static void Differentiate(int64_t width, const float* __restrict x, const float* __restrict g,
                            const float* __restrict alpha, const float* __restrict mean,
                            const float* __restrict scale, const float* __restrict mean_dz,
                            const float* __restrict mean_dz_z, float* __restrict out) {
    for (int64_t c = 0; c < width; ++c) {
      const float z = (x[c] - mean[c]) * scale[c], p = Sigmoid(z);
      const float dz = g[c] * x[c] * p * (1 - p) * (1 - alpha[c]);
      out[c] = g[c] * (alpha[c] + p * (1 - alpha[c])) +
               scale[c] * (dz - mean_dz[c] - z * mean_dz_z[c]);
    }
  }

  float epsilon_;
};

REGISTER_OP("RecommendersTfDice")
    .Input("inputs: float")
    .Input("alpha: float")
    .Output("outputs: float")
    .Output("mean: float")
    .Output("variance: float")
    .Attr("epsilon: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->input(1));
      context->set_output(2, context->input(1));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfDice").Device(tensorflow::DEVICE_CPU), Dice);

REGISTER_OP("RecommendersTfDiceGradient")
    .Input("inputs: float")
    .Input("alpha: float")
    .Input("mean: float")
    .Input("variance: float")
    .Input("of_outputs: float")
    .Output("of_inputs: float")
    .Output("of_alpha: float")
    .Attr("epsilon: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->input(1));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfDiceGradient").Device(tensorflow::DEVICE_CPU),
                        DiceGradient);

}  // namespace recommenders_tf
