// The header needs no other, and may be included twice, and in two translation units that are linked.
#include <landline.hpp>
#include <landline.hpp>

const std::error_category& category_of_other_unit();
const landline::options* defaults_of_other_unit();

int main() {
    const bool same = &category_of_other_unit() == &landline::category() &&
                      defaults_of_other_unit() == &landline::defaults && landline::version() == LANDLINE_VERSION;
    return same ? 0 : 1;
}
