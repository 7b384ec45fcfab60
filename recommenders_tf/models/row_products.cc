// Multiplies some rows of a sparse matrix with all of its rows, and leaves out what is 0.
//
// The sums of one row are gathered in a dense line that stays in the cache. Where as many terms as
// the line is wide are to be added, it is cleared and read as a whole; where there are fewer, which
// places were met is kept, so that a row costs its terms alone however wide the line is.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace recommenders_tf {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::errors::InvalidArgument;

// A matrix by rows: where each begins, and its columns and values.
struct Sparse {
  const int64_t* splits;
  const int32_t* columns;
  const float* values;
  int64_t rows;

  Sparse(OpKernelContext* context, int first)
      : splits(context->input(first).flat<int64_t>().data()),
        columns(context->input(first + 1).flat<int32_t>().data()),
        values(context->input(first + 2).flat<float>().data()),
        rows(context->input(first).NumElements() - 1) {}
};

class RowProducts : public tensorflow::OpKernel {
 public:
  explicit RowProducts(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("width", &width_));
  }

  void Compute(OpKernelContext* context) override {
    const Sparse left(context, 0), right(context, 3);
    const int64_t entries = context->input(1).NumElements();
    OP_REQUIRES(context, left.rows >= 0 && right.rows >= 0 && left.splits[left.rows] == entries,
                InvalidArgument("Splits must end with the number of entries."));
    for (int64_t j = 0; j < entries; ++j) {
      OP_REQUIRES(context, left.columns[j] >= 0 && left.columns[j] < right.rows,
                  InvalidArgument("Column ", left.columns[j], " is not one of ", right.rows, "."));
    }
    Tensor* splits;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &splits));
    auto ends = splits->flat<int64_t>();
    ends(0) = 0;
    std::vector<float> sums(width_), values;
    std::vector<uint8_t> is_met(width_);
    std::vector<int32_t> met, columns;
    const auto keep = [&](int32_t column) {
      if (sums[column] == 0) return;
      columns.push_back(column);
      values.push_back(sums[column]);
    };
    for (int64_t i = 0; i < left.rows; ++i) {
      int64_t terms = 0;
      for (int64_t j = left.splits[i]; j < left.splits[i + 1]; ++j) {
        terms += right.splits[left.columns[j] + 1] - right.splits[left.columns[j]];
      }
      const bool is_full = terms >= width_;
      if (is_full) std::fill(sums.begin(), sums.end(), 0.f);
      for (int64_t j = left.splits[i]; j < left.splits[i + 1]; ++j) {
        const int64_t row = left.columns[j];
        const float scale = left.values[j];
        for (int64_t k = right.splits[row]; k < right.splits[row + 1]; ++k) {
          const int32_t column = right.columns[k];
          if (!is_full && !is_met[column]) {
            is_met[column] = 1;
            sums[column] = 0;
            met.push_back(column);
          }
          sums[column] += scale * right.values[k];
        }
      }
      if (is_full) {
        for (int32_t column = 0; column < width_; ++column) keep(column);
      } else {
        std::sort(met.begin(), met.end());
        for (const int32_t column : met) {
          keep(column);
          is_met[column] = 0;
        }
        met.clear();
      }
      ends(i + 1) = columns.size();
    }
    Tensor *found, *products;
    const tensorflow::TensorShape size({static_cast<int64_t>(columns.size())});
    OP_REQUIRES_OK(context, context->allocate_output(1, size, &found));
    OP_REQUIRES_OK(context, context->allocate_output(2, size, &products));
    std::copy(columns.begin(), columns.end(), found->flat<int32_t>().data());
    std::copy(values.begin(), values.end(), products->flat<float>().data());
  }

 private:
  int64_t width_;
};

// That the columns of the right matrix are below `width` is for the caller to see to: to check all of
// them would cost more than many a block of rows.
REGISTER_OP("RecommendersTfRowProducts")
    .Input("splits: int64")
    .Input("columns: int32")
    .Input("values: float")
    .Input("other_splits: int64")
    .Input("other_columns: int32")
    .Input("other_values: float")
    .Output("product_splits: int64")
    .Output("product_columns: int32")
    .Output("products: float")
    .Attr("width: int >= 0")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->Vector(context->UnknownDim()));
      context->set_output(2, context->Vector(context->UnknownDim()));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("RecommendersTfRowProducts").Device(tensorflow::DEVICE_CPU),
                        RowProducts);

}  // namespace recommenders_tf
