#include "arrow_export.hpp"

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

namespace inference_bench {
namespace {

// ---- parts: what the private_data of a structure points to

// Children are zeroed, so that one which is not exported yet has no release callback and is skipped.
template <typename Structure>
struct Children {
    explicit Children(std::size_t n) : structures(n), pointers(n) {
        for (std::size_t i = 0; i < n; ++i) pointers[i] = &structures[i];
    }

    std::vector<Structure> structures;
    std::vector<Structure*> pointers;
    Structure dictionary{};
};

struct SchemaParts {
    SchemaParts(SharedTable shown, std::size_t n) : table(std::move(shown)), children(n) {}

    SharedTable table;
    Children<ArrowSchema> children;
};

struct ArrayParts {
    ArrayParts(SharedTable shown, std::size_t n) : table(std::move(shown)), children(n) {}

    SharedTable table;
    const void* buffers[3]{};
    Children<ArrowArray> children;
};

// Releases a structure and what was exported below it. A consumer may have moved a child out; that child has no release
// callback any more, and its new owner calls it.
template <typename Structure, typename Parts>
void release(Structure* structure) noexcept {
    auto* const parts = static_cast<Parts*>(structure->private_data);
    for (Structure& child : parts->children.structures) {
        if (child.release != nullptr) child.release(&child);
    }
    Structure& dictionary = parts->children.dictionary;
    if (dictionary.release != nullptr) dictionary.release(&dictionary);
    delete parts;
    structure->release = nullptr;
}

// Runs `body`; if it throws, releases what it has exported so far.
template <typename Structure, typename Body>
void complete(Structure* out, Body body) {
    try {
        body();
    } catch (...) {
        out->release(out);
        throw;
    }
}

// ---- schema

SchemaParts* begin_schema(const SharedTable& table, std::size_t children, const char* format, const char* name,
                          ArrowSchema* out) {
    out->release = nullptr;  // stays so if there is no memory for the parts
    auto* const parts = new SchemaParts(table, children);
    *out = ArrowSchema{};
    out->format = format;
    out->name = name;
    out->n_children = static_cast<std::int64_t>(children);
    out->children = children > 0 ? parts->children.pointers.data() : nullptr;
    out->release = release<ArrowSchema, SchemaParts>;
    out->private_data = parts;
    return parts;
}

void export_column_schema(const SharedTable& table, const TableColumn& column, ArrowSchema* out) {
    SchemaParts* const parts = begin_schema(table, 0, column.format, column.name.c_str(), out);
    if (column.labels == nullptr) return;
    ArrowSchema* const dictionary = &parts->children.dictionary;
    complete(out, [&] { begin_schema(table, 0, "u", "", dictionary); });
    out->dictionary = dictionary;
}

// ---- array

// The first buffer is the validity bitmap: null, since nothing here is ever null.
ArrayParts* begin_array(const SharedTable& table, std::size_t children, std::size_t length, ArrowArray* out) {
    out->release = nullptr;
    auto* const parts = new ArrayParts(table, children);
    *out = ArrowArray{};
    out->length = static_cast<std::int64_t>(length);
    out->n_buffers = 1;
    out->buffers = parts->buffers;
    out->n_children = static_cast<std::int64_t>(children);
    out->children = children > 0 ? parts->children.pointers.data() : nullptr;
    out->release = release<ArrowArray, ArrayParts>;
    out->private_data = parts;
    return parts;
}

void export_labels(const SharedTable& table, const Labels& labels, ArrowArray* out) {
    ArrayParts* const parts = begin_array(table, 0, labels.size(), out);
    parts->buffers[1] = labels.offsets.data();
    parts->buffers[2] = labels.text.data();
    out->n_buffers = 3;
}

void export_column(const SharedTable& table, const TableColumn& column, ArrowArray* out) {
    ArrayParts* const parts = begin_array(table, 0, table->rows, out);
    parts->buffers[1] = column.data;
    out->n_buffers = 2;
    if (column.labels == nullptr) return;
    ArrowArray* const dictionary = &parts->children.dictionary;
    complete(out, [&] { export_labels(table, *column.labels, dictionary); });
    out->dictionary = dictionary;
}

// ---- stream

struct StreamParts {
    SharedTable table;
    bool given = false;
    const char* error = nullptr;  // of the last call; a constant, since there may be no memory for a text
};

StreamParts& parts_of(ArrowArrayStream* stream) { return *static_cast<StreamParts*>(stream->private_data); }

// Runs `body`; returns 0, or the errno for what it threw.
template <typename Body>
int guarded(StreamParts& parts, Body body) noexcept {
    parts.error = nullptr;
    try {
        body();
        return 0;
    } catch (const std::bad_alloc&) {
        parts.error = "not enough memory to export the table";
        return ENOMEM;
    } catch (...) {
        parts.error = "the table cannot be exported";
        return EINVAL;
    }
}

int stream_get_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept {
    StreamParts& parts = parts_of(stream);
    return guarded(parts, [&] { export_schema(parts.table, out); });
}

int stream_get_next(ArrowArrayStream* stream, ArrowArray* out) noexcept {
    StreamParts& parts = parts_of(stream);
    out->release = nullptr;  // the end of the stream
    return guarded(parts, [&] {
        if (!parts.given) export_array(parts.table, out);
        parts.given = true;
    });
}

const char* stream_get_last_error(ArrowArrayStream* stream) noexcept { return parts_of(stream).error; }

void release_stream(ArrowArrayStream* stream) noexcept {
    delete static_cast<StreamParts*>(stream->private_data);
    stream->release = nullptr;
}

}  // namespace

void export_schema(const SharedTable& table, ArrowSchema* out) {
    const std::size_t n = table->columns.size();
    SchemaParts* const parts = begin_schema(table, n, "+s", "", out);
    complete(out, [&] {
        for (std::size_t i = 0; i < n; ++i) {
            export_column_schema(table, table->columns[i], parts->children.pointers[i]);
        }
    });
}

void export_array(const SharedTable& table, ArrowArray* out) {
    const std::size_t n = table->columns.size();
    ArrayParts* const parts = begin_array(table, n, table->rows, out);
    complete(out, [&] {
        for (std::size_t i = 0; i < n; ++i) export_column(table, table->columns[i], parts->children.pointers[i]);
    });
}

void export_stream(const SharedTable& table, ArrowArrayStream* out) {
    out->release = nullptr;
    auto* const parts = new StreamParts;
    parts->table = table;
    *out = ArrowArrayStream{};
    out->get_schema = stream_get_schema;
    out->get_next = stream_get_next;
    out->get_last_error = stream_get_last_error;
    out->release = release_stream;
    out->private_data = parts;
}

}  // namespace inference_bench
