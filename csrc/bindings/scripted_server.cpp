#include "scripted_server.hpp"

#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "native_class.hpp"
#include "register.hpp"
#include "table_object.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;
using SharedBytes = std::shared_ptr<const std::string>;
using SharedScript = std::shared_ptr<const Script>;

Ending ending_of(const std::string& word) {
    constexpr std::array<std::pair<const char*, Ending>, 4> kWords{{
        {"keep", Ending::Keep},
        {"close", Ending::Close},
        {"reset", Ending::Reset},
        {"half", Ending::Half},
    }};
    for (const auto& [known, ending] : kWords) {
        if (word == known) return ending;
    }
    throw py::value_error("close must be 'keep', 'close', 'reset' or 'half'; given '" + word + "'");
}

// Turns Python's scripts into native ones. Bytes objects and scripts that occur several times are copied once.
class ScriptReader {
  public:
    SharedScript script(const std::string& name, const py::handle& given, Ending ending) {
        const auto key = std::make_pair(given.ptr(), ending);
        if (const auto found = scripts_.find(key); found != scripts_.end()) return found->second;
        Script made{{}, ending};
        for (const py::handle step : py::iter(given)) {
            made.steps.push_back(this->step(name + "[" + std::to_string(made.steps.size()) + "]", step));
        }
        const auto shared = std::make_shared<const Script>(std::move(made));
        keep_.append(given);  // so that no other object takes its address meanwhile
        scripts_.emplace(key, shared);
        return shared;
    }

  private:
    Step step(const std::string& name, const py::handle& given) {
        try {
            const auto [offset, bytes] = given.cast<std::pair<std::int64_t, py::object>>();
            if (PyObject_CheckBuffer(bytes.ptr()) != 0) return {offset, shared(name, bytes)};
        } catch (const py::cast_error&) {
            refuse_step(name, given);
        }
        refuse_step(name, given);
    }

    [[noreturn]] static void refuse_step(const std::string& name, const py::handle& given) {
        throw py::type_error(name + " must be (offset in ns, bytes); given " +
                             py::repr(given).cast<std::string>().substr(0, 80));
    }

    SharedBytes shared(const std::string& name, const py::object& given) {
        if (PyBytes_CheckExact(given.ptr()) == 0)
            return std::make_shared<const std::string>(bytes_of(name.c_str(), given));
        SharedBytes& bytes = bytes_[given.ptr()];
        if (bytes == nullptr) {
            keep_.append(given);
            bytes = std::make_shared<const std::string>(given.cast<std::string>());
        }
        return bytes;
    }

    struct Hash {
        std::size_t operator()(const std::pair<PyObject*, Ending>& key) const noexcept {
            return std::hash<PyObject*>()(key.first) ^ static_cast<std::size_t>(key.second);
        }
    };

    py::list keep_;
    std::unordered_map<PyObject*, SharedBytes> bytes_;
    std::unordered_map<std::pair<PyObject*, Ending>, SharedScript, Hash> scripts_;
};

std::vector<Ending> endings(const py::object& close, std::size_t count) {
    if (PyUnicode_Check(close.ptr()) != 0) return {count, ending_of(close.cast<std::string>())};
    std::vector<Ending> out;
    for (const py::handle word : py::iter(close)) out.push_back(ending_of(word.cast<std::string>()));
    if (out.size() == count) return out;
    throw py::value_error("close must be one word, or one for each of " + std::to_string(count) + " script(s); given " +
                          std::to_string(out.size()));
}

std::unique_ptr<ScriptedServer> make(const py::object& scripts, int port, const py::object& close,
                                     const py::dict& routes) {
    ScriptReader reader;
    const py::list given(scripts);
    const std::vector<Ending> ends = endings(close, given.size());
    std::vector<SharedScript> read;
    read.reserve(given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
        read.push_back(reader.script("scripts[" + std::to_string(i) + "]", given[i], ends[i]));
    }
    std::vector<Route> ways;
    for (const auto& [prefix, script] : routes) {
        const auto start = prefix.cast<std::string>();
        ways.push_back({start, reader.script("routes['" + start + "']", script, Ending::Keep)});
    }
    const WithoutGil released;
    return std::make_unique<ScriptedServer>(Playbook(std::move(read), std::move(ways)), port);
}

template <Table (ServerRecords::*Make)() const>
py::object table_of(const ScriptedServer& server) {
    Table table{};
    {
        const WithoutGil released;
        table = (server.records().*Make)();
    }
    return make_table(std::move(table));
}

}  // namespace

void register_scripted_server(py::module_& m) {
    NativeClass<ScriptedServer>(m, "ScriptedServer", "An HTTP server that plays prepared responses and stamps them.")
        .constructor(&make, "scripts"_a, py::kw_only(), "port"_a = 0, "close"_a = "keep", "routes"_a = py::dict())
        .def_property_readonly("port", &ScriptedServer::port)
        .def("start", &ScriptedServer::start, NoGil())
        .def("stop", &ScriptedServer::stop, NoGil())
        .def(
            "__enter__",
            [](ScriptedServer& self) -> ScriptedServer& {
                self.start();
                return self;
            },
            NoGil(), py::return_value_policy::reference)
        .def(
            "__exit__", [](ScriptedServer& self, py::handle, py::handle, py::handle) { self.stop(); }, NoGil(),
            py::pos_only())
        .def("requests", &table_of<&ServerRecords::requests>)
        .def("sends", &table_of<&ServerRecords::sends>)
        .def(
            "request_bytes",
            [](const ScriptedServer& self, std::size_t request) {
                return py::bytes(self.records().request_bytes(request));
            },
            "request"_a, py::pos_only());
}

}  // namespace inference_bench::bindings
