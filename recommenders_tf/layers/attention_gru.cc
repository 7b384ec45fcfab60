// A gated recurrent unit whose steps are scaled by an attention, and its gradient. With the inputs
// of the gates x (update, reset and candidate side by side), share s and state h of the step before:
//   u = σ(x_u + h U_u), r = σ(x_r + h U_r), c = tanh(x_c + r ∘ h U_c), h' = h + g ∘ (c - h),
// where g is s u, or s alone where the share replaces the gate.
//
// TensorFlow's own ops run a loop with some thirty passes over memory for a step. Here a block of
// lists takes all of its steps while its state stays in the cache, and the gradient computes the
// gates anew instead of keeping them. Blocks are of lists about equally long, and a step that is
// padding in all lists of a block costs nothing. Several lists may stand in a row: where one starts
// the state is 0 again. Sums over blocks are added up in their order, so the
// result does not depend on the number of threads.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "Eigen/Core"
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

constexpr int64_t kBlock = 64;  // lists

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrix = Eigen::Map<const Matrix>;
using ConstRow = Eigen::Map<const Eigen::RowVectorXf>;
using Row = Eigen::Map<Eigen::RowVectorXf>;

// What a pass over the lists reads.
struct Lists {
  int64_t count, length, units;
  const float* inputs;  // [count, length, 3 units]
  const bool* mask;     // [count, length]
  const bool* starts;   // [count, length]: the state before is 0
  const float* shares;  // [count, length]
  bool replaces;        // the share replaces the update gate
  Matrix kernels[3];    // [units, units] each: recurrent ones of update, reset and candidate

  int64_t At(int64_t list, int64_t step) const { return list * length + step; }
  float Share(int64_t at) const { return mask[at] ? shares[at] : 0.f; }

  // Lists in the order of their real steps.
  std::vector<int64_t> Order() const {
    std::vector<int64_t> real(count), order(count);
    for (int64_t n = 0; n < count; ++n) {
      real[n] = std::count(mask + At(n, 0), mask + At(n + 1, 0), true);
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return real[a] < real[b]; });
    return order;
  }
};

// The gates of one step of a block of lists, each [lists, units].
struct Step {
  Matrix update, reset, candidate;  // u, r, c
  Matrix recurrent;                 // h U_c

  void Compute(const Lists& lists, const int64_t* order, int64_t step, const Matrix& state) {
    const int64_t units = lists.units;
    for (Matrix* part : {&update, &reset, &candidate}) part->resize(state.rows(), units);
    for (int64_t n = 0; n < state.rows(); ++n) {
      const float* from = lists.inputs + lists.At(order[n], step) * 3 * units;
      std::copy_n(from, units, update.row(n).data());
      std::copy_n(from + units, units, reset.row(n).data());
      std::copy_n(from + 2 * units, units, candidate.row(n).data());
    }
    update.noalias() += state * lists.kernels[0];
    reset.noalias() += state * lists.kernels[1];
    recurrent.noalias() = state * lists.kernels[2];
    update = update.array().logistic();
    reset = reset.array().logistic();
    candidate = (candidate.array() + reset.array() * recurrent.array()).tanh();
  }
};

// Calls work(block, lists of it, their number) for all blocks, on the threads of the device.
template <typename Work>
void ForBlocks(OpKernelContext* context, const Lists& lists, const Work& work) {
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  const std::vector<int64_t> order = lists.Order();
  const int64_t blocks = (lists.count + kBlock - 1) / kBlock;
  const int64_t cost = kBlock * lists.length * lists.units * (3 * lists.units + 30);
  tensorflow::Shard(workers->num_threads, workers->workers, blocks, cost,
                    [&](int64_t begin, int64_t end) {
                      for (int64_t b = begin; b < end; ++b) {
                        const int64_t first = b * kBlock;
                        work(b, order.data() + first, std::min(kBlock, lists.count - first));
                      }
                    });
}

bool AnyReal(const Lists& lists, const int64_t* order, int64_t count, int64_t step) {
  return std::any_of(order, order + count,
                     [&](int64_t list) { return lists.mask[lists.At(list, step)]; });
}

Lists Read(OpKernelContext* context, bool replaces) {
  const Tensor& inputs = context->input(0);
  const int64_t units = inputs.dim_size(2) / 3;
  const ConstMatrix kernel(context->input(4).flat<float>().data(), units, 3 * units);
  return Lists{inputs.dim_size(0),
               inputs.dim_size(1),
               units,
               inputs.flat<float>().data(),
               context->input(1).flat<bool>().data(),
               context->input(2).flat<bool>().data(),
               context->input(3).flat<float>().data(),
               replaces,
               {kernel.leftCols(units), kernel.middleCols(units, units), kernel.rightCols(units)}};
}

class AttentionGru : public tensorflow::OpKernel {
 public:
  explicit AttentionGru(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("replaces", &replaces_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &inputs = context->input(0), &kernel = context->input(4);
    OP_REQUIRES(context,
                inputs.dims() == 3 && kernel.dims() == 2 &&
                    inputs.dim_size(2) == kernel.dim_size(1) &&
                    kernel.dim_size(1) == 3 * kernel.dim_size(0),
                InvalidArgument("The inputs of three gates must be as wide as the kernel."));
    const TensorShape steps({inputs.dim_size(0), inputs.dim_size(1)});
    for (int i = 1; i < 4; ++i) {
      OP_REQUIRES(context, context->input(i).shape() == steps,
                  InvalidArgument("Mask, starts and shares must have one value for each step."));
    }
    const Lists lists = Read(context, replaces_);
    Tensor* states;
    OP_REQUIRES_OK(context,
                   context->allocate_output(
                       0, TensorShape({lists.count, lists.length, lists.units}), &states));
    float* out = states->flat<float>().data();
    ForBlocks(context, lists, [&](int64_t, const int64_t* order, int64_t count) {
      Matrix state = Matrix::Zero(count, lists.units);
      Step now;
      for (int64_t t = 0; t < lists.length; ++t) {
        for (int64_t n = 0; n < count; ++n) {
          if (lists.starts[lists.At(order[n], t)]) state.row(n).setZero();
        }
        if (AnyReal(lists, order, count, t)) {
          now.Compute(lists, order, t, state);
          Advance(lists, order, t, now, &state);
        }
        for (int64_t n = 0; n < count; ++n) {
          Row(out + lists.At(order[n], t) * lists.units, lists.units) = state.row(n);
        }
      }
    });
  }

 private:
  static void Advance(const Lists& lists, const int64_t* order, int64_t step, const Step& now,
                      Matrix* state) {
    for (int64_t n = 0; n < state->rows(); ++n) {
      Move(lists.units, lists.Share(lists.At(order[n], step)), lists.replaces,
           now.update.row(n).data(), now.candidate.row(n).data(), state->row(n).data());
    }
  }

  static void Move(int64_t units, float share, bool replaces, const float* __restrict update,
                   const float* __restrict candidate, float* __restrict state) {
    for (int64_t c = 0; c < units; ++c) {
      state[c] += share * (replaces ? 1.f : update[c]) * (candidate[c] - state[c]);
    }
  }

  bool replaces_;
};

class AttentionGruGradient : public tensorflow::OpKernel {
 public:
  explicit AttentionGruGradient(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("replaces", &replaces_));
  }

  void Compute(OpKernelContext* context) override {
    const Lists lists = Read(context, replaces_);
    const int64_t units = lists.units;
    const float* states = context->input(5).flat<float>().data();
    const Tensor& of_states = context->input(6);
    OP_REQUIRES(context,
                of_states.NumElements() == lists.count * units ||
                    of_states.shape() == context->input(5).shape(),
                InvalidArgument("The gradient must be that of all states or of the last."));
    const bool of_last = of_states.dims() == 2;
    const float* g = of_states.flat<float>().data();
    Tensor *of_inputs, *of_shares, *of_kernel;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &of_inputs));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(3).shape(), &of_shares));
    OP_REQUIRES_OK(context, context->allocate_output(2, context->input(4).shape(), &of_kernel));
    float* inputs = of_inputs->flat<float>().data();
    float* shares = of_shares->flat<float>().data();
    std::vector<Matrix> sums((lists.count + kBlock - 1) / kBlock);
    ForBlocks(context, lists, [&](int64_t block, const int64_t* order, int64_t count) {
      Matrix flow = Matrix::Zero(count, units), before(count, units);
      Matrix sum = Matrix::Zero(units, 3 * units);
      Step now;
      for (int64_t t = lists.length - 1; t >= 0; --t) {
        const bool is_real = AnyReal(lists, order, count, t);
        for (int64_t n = 0; n < count; ++n) {
          const int64_t at = lists.At(order[n], t);
          if (!of_last) {
            flow.row(n) += ConstRow(g + at * units, units);
          } else if (t + 1 == lists.length) {
            flow.row(n) = ConstRow(g + order[n] * units, units);
          }
          if (t == 0 || lists.starts[at]) {
            before.row(n).setZero();
          } else if (is_real) {
            before.row(n) = ConstRow(states + (at - 1) * units, units);
          }
          if (!is_real) {
            Row(inputs + at * 3 * units, 3 * units).setZero();
            shares[at] = 0;
          }
        }
        if (is_real) {
          now.Compute(lists, order, t, before);
          Retreat(lists, order, t, before, &now, &flow, &sum, inputs, shares);
        }
        for (int64_t n = 0; n < count; ++n) {
          if (lists.starts[lists.At(order[n], t)]) flow.row(n).setZero();
        }
      }
      sums[block] = std::move(sum);
    });
    Matrix total = Matrix::Zero(units, 3 * units);
    for (const Matrix& sum : sums) total += sum;
    std::copy(total.data(), total.data() + total.size(), of_kernel->flat<float>().data());
  }

 private:
  // Takes the gradient `flow` of the state after a step to that of the state before it.
  static void Retreat(const Lists& lists, const int64_t* order, int64_t step, const Matrix& before,
                      Step* now, Matrix* flow, Matrix* sum, float* inputs, float* shares) {
    const int64_t units = lists.units;
    for (int64_t n = 0; n < before.rows(); ++n) {
      const int64_t at = lists.At(order[n], step);
      float* to = inputs + at * 3 * units;
      Differentiate(units, lists.Share(at), lists.replaces, before.row(n).data(),
                    now->update.row(n).data(), now->reset.row(n).data(),
                    now->candidate.row(n).data(), now->recurrent.row(n).data(),
                    flow->row(n).data(), to + 2 * units);
      shares[at] = lists.mask[at] ? now->candidate.row(n).sum() : 0.f;
      std::copy_n(now->update.row(n).data(), units, to);
      std::copy_n(now->reset.row(n).data(), units, to + units);
    }
    const Matrix* gradients[] = {&now->update, &now->reset, &now->recurrent};
    for (int gate = 0; gate < 3; ++gate) {
      sum->middleCols(gate * units, units).noalias() += before.transpose() * *gradients[gate];
      flow->noalias() += *gradients[gate] * lists.kernels[gate].transpose();
    }
  }

  // Puts gradients in the place of values: of the inputs of u and r, of the share (a term for each
  // unit, for c), of h U_c, and of the state before. That of the input of c goes to `of_input`.
  static void Differentiate(int64_t units, float share, bool replaces,
                            const float* __restrict before, float* __restrict update,
                            float* __restrict reset, float* __restrict candidate,
                            float* __restrict recurrent, float* __restrict flow,
                            float* __restrict of_input) {
    for (int64_t i = 0; i < units; ++i) {
      const float u = update[i], r = reset[i], c = candidate[i], gradient = flow[i];
      const float of_gate = gradient * (c - before[i]), gate = share * (replaces ? 1.f : u);
      const float of_candidate = gradient * gate * (1 - c * c);
      of_input[i] = of_candidate;
      update[i] = replaces ? 0.f : of_gate * share * u * (1 - u);
      reset[i] = of_candidate * recurrent[i] * r * (1 - r);
      candidate[i] = of_gate * (replaces ? 1.f : u);
      recurrent[i] = of_candidate * r;
      flow[i] = gradient * (1 - gate);
    }
  }


  bool replaces_;
};

REGISTER_OP("RecommendersTfAttentionGru")
    .Input("inputs: float")
    .Input("mask: bool")
    .Input("starts: bool")
    .Input("shares: float")
    .Input("kernel: float")
    .Output("states: float")
    .Attr("replaces: bool")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      tensorflow::shape_inference::ShapeHandle states;
      TF_RETURN_IF_ERROR(context->ReplaceDim(context->input(0), 2,
                                             context->Dim(context->input(4), 0), &states));
      context->set_output(0, states);
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfAttentionGru").Device(tensorflow::DEVICE_CPU),
                        AttentionGru);

REGISTER_OP("RecommendersTfAttentionGruGradient")
    .Input("inputs: float")
    .Input("mask: bool")
    .Input("starts: bool")
    .Input("shares: float")
    .Input("kernel: float")
    .Input("states: float")
    .Input("of_states: float")
    .Output("of_inputs: float")
    .Output("of_shares: float")
    .Output("of_kernel: float")
    .Attr("replaces: bool")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->input(3));
      context->set_output(2, context->input(4));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfAttentionGruGradient").Device(tensorflow::DEVICE_CPU),
                        AttentionGruGradient);

}  // namespace recommenders_tf
