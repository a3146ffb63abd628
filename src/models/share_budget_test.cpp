#include "models/share_budget.hpp"

#include <gtest/gtest.h>

namespace sighter::models {
namespace {

TEST(ShareBudget, ExtraRequestsAreAShareOfAll) {
  ShareBudget budget(0);
  int extra = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.earn(0.05, 10);
    extra += budget.spend() ? 1 : 0;
  }
  EXPECT_EQ(extra, 50);
}

TEST(ShareBudget, WhatIsSavedIsLimited) {
  ShareBudget budget(0);
  for (int i = 0; i < 1000; ++i) budget.earn(0.1, 3);
  EXPECT_DOUBLE_EQ(budget.tokens(), 3);
  EXPECT_TRUE(budget.spend());
  EXPECT_TRUE(budget.spend());
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

TEST(ShareBudget, AQuietRouteStartsWithSome) {
  ShareBudget budget(1);
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

}  // namespace
}  // namespace sighter::models
