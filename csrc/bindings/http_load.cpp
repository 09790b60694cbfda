#include "http_load.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "http_response.hpp"
#include "native_class.hpp"
#include "register.hpp"
#include "sleeper.hpp"
#include "table_object.hpp"
#include "without_gil.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace inference_bench::bindings {
namespace {

using NoGil = py::call_guard<WithoutGil>;

// ---- arguments

std::vector<std::string> requests_of(const py::handle& given) {
    std::vector<std::string> out;
    for (const py::handle item : py::iter(given)) {
        out.push_back(bytes_of(("requests[" + std::to_string(out.size()) + "]").c_str(), item));
    }
    return out;
}

std::vector<std::int64_t> numbers_or_none(const char* name, const py::handle& given) {
    return given.is_none() ? std::vector<std::int64_t>() : whole_numbers(name, given);
}

std::string text_or_none(const char* name, const py::handle& given) {
    if (given.is_none()) return "";
    if (!py::isinstance<py::str>(given) || py::len(given) == 0) {
        throw py::value_error(std::string(name) + " must be a text, or None; given " +
                              py::repr(given).cast<std::string>());
    }
    return given.cast<std::string>();
}

std::unique_ptr<HttpLoad> make(const std::string& address, const py::object& port, const py::object& requests,
                               const py::object& offsets_ns, const py::object& concurrency, const py::object& after,
                               const py::object& connections, const py::object& timeout_ns,
                               const py::object& idle_timeout_ns, const py::object& most_bytes,
                               const py::object& tls_name, const py::object& tls_ca,
                               const py::object& longest_spin_ns) {
    const HttpAddress to(address, whole<std::int64_t>("port", port));
    const auto clients = whole<std::int64_t>("concurrency", concurrency);
    if (offsets_ns.is_none() && clients == 0) {
        throw py::value_error("give offsets_ns for an open loop, or concurrency for a closed one; given neither");
    }
    HttpLimits limits;
    limits.connections = whole<std::int64_t>("connections", connections);
    limits.timeout_ns = whole<std::int64_t>("timeout_ns", timeout_ns);
    limits.idle_timeout_ns = whole<std::int64_t>("idle_timeout_ns", idle_timeout_ns);
    limits.most_bytes = whole<std::int64_t>("most_bytes", most_bytes);
    const auto spin = whole<std::int64_t>("longest_spin_ns", longest_spin_ns);
    std::vector<std::string> bytes = requests_of(requests);
    std::vector<std::int64_t> offsets = numbers_or_none("offsets_ns", offsets_ns);
    std::vector<std::int64_t> follows = numbers_or_none("after", after);
    const std::string name = text_or_none("tls_name", tls_name);
    const std::string authorities = text_or_none("tls_ca", tls_ca);
    if (name.empty() && !authorities.empty()) throw py::value_error("tls_ca needs tls_name; given only tls_ca");
    const WithoutGil released;
    RequestPlan plan(bytes.size(), std::move(offsets), std::move(follows), clients);
    std::unique_ptr<TlsContext> tls = name.empty() ? nullptr : std::make_unique<TlsContext>(name, authorities);
    return std::make_unique<HttpLoad>(to, std::move(tls), std::move(bytes), std::move(plan), limits, spin);
}

std::int64_t timeout_of(const py::handle& given) {
    if (given.is_none()) return HttpLoad::kForever;
    const double seconds = real("timeout_s", given);
    if (std::isnan(seconds)) throw py::value_error("timeout_s must be a number of seconds, or None; given nan");
    if (seconds <= 0) return 0;
    const double ns = seconds * 1e9;
    return ns < static_cast<double>(HttpLoad::kForever) ? static_cast<std::int64_t>(ns) : HttpLoad::kForever;
}

// ---- waiting

// A signal's handler runs, and may raise; otherwise the wait goes on for what is left of it.
bool wait(HttpLoad& load, const py::object& timeout_s) {
    const std::int64_t timeout_ns = timeout_of(timeout_s);
    const std::int64_t began_ns = monotonic_ns();
    for (;;) {
        const std::int64_t passed_ns = monotonic_ns() - began_ns;
        HttpLoad::Waited waited{};
        {
            const WithoutGil released;
            waited = load.wait(timeout_ns == HttpLoad::kForever ? timeout_ns : timeout_ns - passed_ns);
        }
        if (waited != HttpLoad::Waited::Interrupted) return waited == HttpLoad::Waited::Over;
        if (PyErr_CheckSignals() < 0) throw py::error_already_set();
    }
}

// ---- results

py::object start_ns(const HttpLoad& load) {
    const std::int64_t ns = load.start_ns();
    return ns == HttpLoad::kNotYet ? py::object(py::none()) : py::int_(ns);
}

py::object tls_error(const HttpLoad& load) {
    const std::string reason = load.tls_error();
    return reason.empty() ? py::object(py::none()) : py::str(reason);
}

template <Table (HttpLoad::*kMade)() const>
py::object table_of(const HttpLoad& load) {
    Table table{};
    {
        const WithoutGil released;
        table = (load.*kMade)();
    }
    return make_table(std::move(table));
}

template <std::string (HttpLoad::*kOf)(std::int64_t) const>
py::bytes bytes_of_request(const HttpLoad& load, const py::object& request) {
    return py::bytes((load.*kOf)(whole<std::int64_t>("request", request)));
}

// ---- for tests of the framing

const char* name_of(HttpResponse::Progress progress) {
    switch (progress) {
        case HttpResponse::Progress::Unfinished:
            return "unfinished";
        case HttpResponse::Progress::Complete:
            return "complete";
        case HttpResponse::Progress::Malformed:
            return "malformed";
        default:
            return "too_large";
    }
}

py::dict frame_response(const py::object& pieces, bool ended, bool bodiless, std::size_t most_bytes) {
    HttpResponse response;
    response.begin(most_bytes, bodiless);
    std::string body;
    std::size_t rest = 0;
    for (const py::handle item : py::iter(pieces)) {
        const std::string piece = bytes_of("piece", item);
        std::string of_piece(piece.size(), '\0');
        const HttpResponse::Fed fed = response.feed(piece.data(), piece.size(), of_piece.data());
        body.append(of_piece, 0, fed.body_bytes);
        rest += piece.size() - fed.taken;
    }
    if (ended) response.end_of_connection();
    return py::dict("progress"_a = name_of(response.progress()), "status"_a = response.status(),
                    "head"_a = py::bytes(response.head()), "body"_a = py::bytes(body),
                    "reusable"_a = response.reusable(), "rest"_a = rest);
}

}  // namespace

void register_http_load(py::module_& m) {
    const HttpLimits defaults;
    NativeClass<HttpLoad>(m, "HttpLoad", "Sends prepared HTTP/1.1 requests at their planned instants.")
        .constructor(&make, "address"_a, "port"_a, "requests"_a, py::kw_only(), "offsets_ns"_a = py::none(),
                     "concurrency"_a = 0, "after"_a = py::none(), "connections"_a = defaults.connections,
                     "timeout_ns"_a = defaults.timeout_ns, "idle_timeout_ns"_a = defaults.idle_timeout_ns,
                     "most_bytes"_a = defaults.most_bytes, "tls_name"_a = py::none(), "tls_ca"_a = py::none(),
                     "longest_spin_ns"_a = Sleeper::kDefaultSpinNs)
        .def("start", &HttpLoad::start, NoGil())
        .def("stop", &HttpLoad::stop, NoGil())
        .def("wait", &wait, "timeout_s"_a = py::none())
        .def_property_readonly("start_ns", &start_ns)
        .def_property_readonly("total", &HttpLoad::total)
        .def_property_readonly("sent", &HttpLoad::sent)
        .def_property_readonly("ended", &HttpLoad::ended)
        .def_property_readonly("cpu_ns", &HttpLoad::cpu_ns)
        .def_property_readonly("tls_error", &tls_error)
        .def("requests", &table_of<&HttpLoad::requests>)
        .def("chunks", &table_of<&HttpLoad::chunks>)
        .def("stalls", &table_of<&HttpLoad::stalls>)
        .def("head", &bytes_of_request<&HttpLoad::head>, "request"_a, py::pos_only())
        .def("body", &bytes_of_request<&HttpLoad::body>, "request"_a, py::pos_only());
    m.def("_frame_response", &frame_response, "pieces"_a, "ended"_a = false, "bodiless"_a = false,
          "most_bytes"_a = std::size_t{1} << 26, "What the framing makes of a response that comes in pieces.");
}

}  // namespace inference_bench::bindings
