#pragma once
// A table for people, as wide as there is room.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace sighter::cli {

struct Column {
  std::string title;
  bool right = false;         // numbers
  std::size_t shrink_to = 0;  // > 0: a text column that may be cut down to this many columns
  int drop = 0;               // > 0: left out where there is no room, the highest first
};

struct Cell {
  std::string text;
  Style style = Style::kPlain;
};

// Cells are put on one line (visible_line). Where the table is wider than there is room, its widest
// shrinkable columns are cut first, then columns that may be left out are; where it still does not
// fit and there are fewer than kStackBelow columns, each row becomes a block of "title  value"
// lines.
class Table {
 public:
  static constexpr std::size_t kStackBelow = 60;

  explicit Table(std::vector<Column> columns);
  // One cell a column; CHECKed.
  void row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // Lines, each ending in '\n'; titles are dim. No trailing blanks.
  std::string render(std::size_t width, bool styles, bool unicode) const;
  // render() for the terminal's standard output.
  void print(Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths(std::size_t width) const;
  // Without the first column to be left out; nullopt when none may be.
  std::optional<Table> narrower() const;
  std::string stacked(std::size_t width, bool styles, bool unicode) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace sighter::cli
