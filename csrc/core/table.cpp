#include "table.hpp"

#include <limits>
#include <stdexcept>

namespace inference_bench {

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

}  // namespace inference_bench
