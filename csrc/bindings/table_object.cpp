#include "table_object.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "arrow_export.hpp"
#include "column.hpp"
#include "native_class.hpp"
#include "register.hpp"

namespace py = pybind11;

namespace inference_bench::bindings {
namespace {

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

// Releases a structure that has no importer yet, or never finds one.
struct Discard {
    template <typename Structure>
    void operator()(Structure* structure) const noexcept {
        if (structure->release != nullptr) structure->release(structure);
        delete structure;
    }
};

template <typename Structure>
py::object capsule(void (*export_to)(const SharedTable&, Structure*), const SharedTable& table) {
    constexpr const char* name = CapsuleName<Structure>::value;
    std::unique_ptr<Structure, Discard> structure(new Structure{});
    export_to(table, structure.get());
    PyObject* const made = PyCapsule_New(structure.get(), name, [](PyObject* self) {
        Discard()(static_cast<Structure*>(PyCapsule_GetPointer(self, CapsuleName<Structure>::value)));
    });
    if (made == nullptr) throw py::error_already_set();
    static_cast<void>(structure.release());
    return py::reinterpret_steal<py::object>(made);
}

// Not an argument by std::shared_ptr, which pybind11 would make null of None.
SharedTable shared(const Table& table) { return py::cast(&table).cast<std::shared_ptr<Table>>(); }

py::object arrow_c_schema(const Table& table) { return capsule(export_schema, shared(table)); }

// An exporter may decline a requested schema, and a table has only one.
py::tuple arrow_c_array(const Table& table, const py::object&) {
    return py::make_tuple(capsule(export_schema, shared(table)), capsule(export_array, shared(table)));
}

py::object arrow_c_stream(const Table& table, const py::object&) { return capsule(export_stream, shared(table)); }

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

py::object make_table(Table table) { return py::cast(std::make_shared<Table>(std::move(table))); }

void register_table(py::module_& m) {
    NativeClass<Table, std::shared_ptr<Table>>(m, "Table", "Columns of one length: Arrow, or buffers.")
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
