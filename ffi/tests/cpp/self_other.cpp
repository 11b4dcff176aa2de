// The second translation unit of self_main.cpp.
#include <landline.hpp>
#include <landline.hpp>

const std::error_category& category_of_other_unit();
const landline::options* defaults_of_other_unit();

const std::error_category& category_of_other_unit() { return landline::category(); }
const landline::options* defaults_of_other_unit() { return &landline::defaults; }
