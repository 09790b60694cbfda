#include "table.hpp"

#include <cerrno>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "arrow.hpp"
#include "column.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

using SharedTable = std::shared_ptr<const Table>;

// ---- exporting. Each structure owns what it points to, and keeps the table alive until it is released.

template <typename Structure>
void release_children(Structure* parent) {
    for (std::int64_t i = 0; i < parent->n_children; ++i) {
        // A child that was moved out has no release any more; its new owner calls it.
        if (parent->children[i]->release != nullptr) parent->children[i]->release(parent->children[i]);
    }
    if (parent->dictionary != nullptr && parent->dictionary->release != nullptr) {
        parent->dictionary->release(parent->dictionary);
    }
}

struct SchemaParts {
    SharedTable table;
    std::vector<ArrowSchema> children;
    std::vector<ArrowSchema*> pointers;
    ArrowSchema dictionary{};
};

void release_schema(ArrowSchema* schema) {
    release_children(schema);
    delete static_cast<SchemaParts*>(schema->private_data);
    schema->release = nullptr;
}

void export_schema(const SharedTable& table, const char* format, const char* name, ArrowSchema* out) {
    auto* const parts = new SchemaParts{table, {}, {}, {}};
    *out = {format, name, nullptr, 0, 0, nullptr, nullptr, release_schema, parts};
}

void export_schema(const SharedTable& table, ArrowSchema* out) {
    export_schema(table, "+s", "", out);
    auto* const parts = static_cast<SchemaParts*>(out->private_data);
    parts->children.resize(table->columns.size());
    for (std::size_t i = 0; i < table->columns.size(); ++i) {
        const TableColumn& column = table->columns[i];
        ArrowSchema* const child = &parts->children[i];
        export_schema(table, column.format, column.name.c_str(), child);
        parts->pointers.push_back(child);
        if (column.labels == nullptr) continue;
        auto* const child_parts = static_cast<SchemaParts*>(child->private_data);
        export_schema(table, "u", "", &child_parts->dictionary);
        child->dictionary = &child_parts->dictionary;
    }
    out->n_children = static_cast<std::int64_t>(parts->pointers.size());
    out->children = parts->pointers.data();
}

struct ArrayParts {
    SharedTable table;
    const void* buffers[3];
    std::vector<ArrowArray> children;
    std::vector<ArrowArray*> pointers;
    ArrowArray dictionary{};
};

void release_array(ArrowArray* array) {
    release_children(array);
    delete static_cast<ArrayParts*>(array->private_data);
    array->release = nullptr;
}

// The first buffer is the validity bitmap: null, since nothing here is ever null.
ArrayParts* export_array(const SharedTable& table, std::size_t length, int n_buffers, const void* first,
                         const void* second, ArrowArray* out) {
    auto* const parts = new ArrayParts{table, {nullptr, first, second}, {}, {}, {}};
    *out = {
        static_cast<std::int64_t>(length), 0, 0, n_buffers, 0, parts->buffers, nullptr, nullptr, release_array, parts};
    return parts;
}

void export_array(const SharedTable& table, ArrowArray* out) {
    ArrayParts* const parts = export_array(table, table->rows, 1, nullptr, nullptr, out);
    parts->children.resize(table->columns.size());
    for (std::size_t i = 0; i < table->columns.size(); ++i) {
        const TableColumn& column = table->columns[i];
        ArrowArray* const child = &parts->children[i];
        ArrayParts* const child_parts = export_array(table, table->rows, 2, column.data, nullptr, child);
        parts->pointers.push_back(child);
        if (column.labels == nullptr) continue;
        const Labels& labels = *column.labels;
        export_array(table, labels.size(), 3, labels.offsets.data(), labels.text.data(), &child_parts->dictionary);
        child->dictionary = &child_parts->dictionary;
    }
    out->n_children = static_cast<std::int64_t>(parts->pointers.size());
    out->children = parts->pointers.data();
}

// A stream of one batch.
struct StreamParts {
    SharedTable table;
    bool given;
};

int stream_get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
    export_schema(static_cast<StreamParts*>(stream->private_data)->table, out);
    return 0;
}

int stream_get_next(ArrowArrayStream* stream, ArrowArray* out) {
    auto* const parts = static_cast<StreamParts*>(stream->private_data);
    out->release = nullptr;  // the end of the stream
    if (!parts->given) export_array(parts->table, out);
    parts->given = true;
    return 0;
}

const char* stream_get_last_error(ArrowArrayStream*) { return nullptr; }

void release_stream(ArrowArrayStream* stream) {
    delete static_cast<StreamParts*>(stream->private_data);
    stream->release = nullptr;
}

// ---- capsules

template <typename Structure>
struct CapsuleName;
template <>
struct CapsuleName<ArrowSchema> {
    static constexpr const char* value = "arrow_schema";
};
template <>
struct CapsuleName<ArrowArray> {
    static constexpr const char* value = "arrow_array";
};
template <>
struct CapsuleName<ArrowArrayStream> {
    static constexpr const char* value = "arrow_array_stream";
};

template <typename Structure>
py::object capsule(std::unique_ptr<Structure> structure) {
    constexpr const char* name = CapsuleName<Structure>::value;
    PyObject* const made = PyCapsule_New(structure.get(), name, [](PyObject* self) {
        auto* const held = static_cast<Structure*>(PyCapsule_GetPointer(self, CapsuleName<Structure>::value));
        if (held->release != nullptr) held->release(held);  // nobody imported it
        delete held;
    });
    if (made == nullptr) throw py::error_already_set();
    static_cast<void>(structure.release());
    return py::reinterpret_steal<py::object>(made);
}

// A requested schema is a wish that an exporter may decline; ours is the only one there is.
py::tuple arrow_c_array(const std::shared_ptr<Table>& table, const py::object&) {
    auto schema = std::make_unique<ArrowSchema>();
    export_schema(table, schema.get());
    py::object schema_capsule = capsule(std::move(schema));
    auto array = std::make_unique<ArrowArray>();
    export_array(table, array.get());
    return py::make_tuple(schema_capsule, capsule(std::move(array)));
}

py::object arrow_c_schema(const std::shared_ptr<Table>& table) {
    auto schema = std::make_unique<ArrowSchema>();
    export_schema(table, schema.get());
    return capsule(std::move(schema));
}

py::object arrow_c_stream(const std::shared_ptr<Table>& table, const py::object&) {
    return capsule(std::make_unique<ArrowArrayStream>(ArrowArrayStream{
        stream_get_schema, stream_get_next, stream_get_last_error, release_stream, new StreamParts{table, false}}));
}

// ---- Python

const TableColumn& find(const Table& table, const std::string& name) {
    std::string known;
    for (const TableColumn& column : table.columns) {
        if (column.name == name) return column;
        known += (known.empty() ? "" : ", ") + column.name;
    }
    throw py::key_error("no column '" + name + "'; there are " + known);
}

// Arrow's letters for 64 bits, l and L, would be 4 bytes to struct's standard sizes; q and Q are 8 everywhere.
const char* buffer_format(const TableColumn& column) {
    switch (column.format[0]) {
        case 'C':
            return kBufferFormat<std::uint8_t>;
        case 'i':
            return kBufferFormat<std::int32_t>;
        case 'l':
            return kBufferFormat<std::int64_t>;
        default:
            return kBufferFormat<std::uint64_t>;
    }
}

Py_ssize_t item_size(const TableColumn& column) {
    switch (column.format[0]) {
        case 'C':
            return 1;
        case 'i':
            return 4;
        default:
            return 8;
    }
}

py::object column_view(const Table& table, const TableColumn& column) {
    PyObject* const view =
        make_memoryview(column.owner, column.data, buffer_format(column), item_size(column), table.rows);
    if (view == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(view);
}

py::dict columns(const Table& table) {
    py::dict out;
    for (const TableColumn& column : table.columns) out[py::str(column.name)] = column_view(table, column);
    return out;
}

py::object labels(const Table& table, const std::string& name) {
    const TableColumn& column = find(table, name);
    if (column.labels == nullptr) return py::none();
    py::list out;
    for (std::size_t i = 0; i < column.labels->size(); ++i) {
        const std::int32_t from = column.labels->offsets[i];
        out.append(
            py::str(column.labels->text.data() + from, static_cast<std::size_t>(column.labels->offsets[i + 1] - from)));
    }
    return std::move(out);
}

py::list column_names(const Table& table) {
    py::list out;
    for (const TableColumn& column : table.columns) out.append(py::str(column.name));
    return out;
}

}  // namespace

Labels::Labels(const std::vector<std::string>& labels) {
    offsets.push_back(0);
    for (const std::string& label : labels) {
        text += label;
        if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
            throw std::length_error("the names of the spans exceed 2 GiB");
        }
        offsets.push_back(static_cast<std::int32_t>(text.size()));
    }
}

py::object make_table(Table table) { return py::cast(std::make_shared<Table>(std::move(table))); }

void register_table(py::module_& m) {
    py::class_<Table, std::shared_ptr<Table>>(m, "Table", "Columns of one length: Arrow, or buffers.")
        .def("__len__", [](const Table& table) { return table.rows; })
        .def_property_readonly("column_names", &column_names)
        .def(
            "column", [](const Table& table, const std::string& name) { return column_view(table, find(table, name)); },
            py::arg("name"), py::pos_only())
        .def("columns", &columns)
        .def("labels", &labels, py::arg("name"), py::pos_only())
        .def("__arrow_c_schema__", &arrow_c_schema)
        .def("__arrow_c_array__", &arrow_c_array, py::arg("requested_schema") = py::none())
        .def("__arrow_c_stream__", &arrow_c_stream, py::arg("requested_schema") = py::none());
}

}  // namespace inference_bench::bindings
