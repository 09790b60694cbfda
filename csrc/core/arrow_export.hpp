// Exports a table through the Arrow C data and C stream interfaces, without a copy.
//
// Each exported structure owns what it points to and keeps the table alive until it is released. The functions here
// throw std::bad_alloc and then leave `out` released; the callbacks of a stream return an errno instead, since their
// caller may be written in C.
#pragma once

#include "arrow.hpp"
#include "table.hpp"

namespace inference_bench {

void export_schema(const SharedTable& table, ArrowSchema* out);
void export_array(const SharedTable& table, ArrowArray* out);
// A stream of one batch.
void export_stream(const SharedTable& table, ArrowArrayStream* out);

}  // namespace inference_bench
