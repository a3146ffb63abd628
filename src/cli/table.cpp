#include "cli/table.hpp"

#include <algorithm>
#include <numeric>

#include "base/check.hpp"
#include "base/utf8.hpp"

namespace sighter::cli {
namespace {

constexpr std::size_t kGap = 2;

void append_styled(std::string& out, Style style, std::string_view text, bool styles) {
  if (!styles || style == Style::kPlain || text.empty()) {
    out += text;
    return;
  }
  out += style_on(style);
  out += text;
  out += style_off();
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::row(std::vector<Cell> cells) {
  CHECK(cells.size() == columns_.size());
  for (Cell& cell : cells) cell.text = visible_line(cell.text);
  rows_.push_back(std::move(cells));
}

// The widths of the columns; empty when the table cannot be made that narrow.
std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = display_width(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i].text));
    widths.push_back(widest);
  }
  if (width == Terminal::kUnlimited || columns_.empty()) return widths;
  const std::size_t gaps = kGap * (columns_.size() - 1);
  std::size_t total = std::accumulate(widths.begin(), widths.end(), gaps);
  while (total > width) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t least = std::max(columns_[i].shrink_to, std::size_t{1});
      if (columns_[i].shrink_to == 0 || widths[i] <= least) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) return {};
    --widths[widest];
    --total;
  }
  return widths;
}

std::optional<Table> Table::narrower() const {
  const auto first = std::max_element(columns_.begin(), columns_.end(),
                                      [](auto& a, auto& b) { return a.drop < b.drop; });
  if (first == columns_.end() || first->drop == 0) return std::nullopt;
  const auto at = first - columns_.begin();
  Table table = *this;
  table.columns_.erase(table.columns_.begin() + at);
  for (std::vector<Cell>& row : table.rows_) row.erase(row.begin() + at);
  return table;
}

std::string Table::render(std::size_t width, bool styles, bool unicode) const {
  std::vector<std::size_t> room = widths(width);
  if (room.empty() && !columns_.empty()) {
    if (const std::optional<Table> table = narrower()) return table->render(width, styles, unicode);
  }
  if (room.empty() && width < kStackBelow) return stacked(width, styles, unicode);
  if (room.empty()) {
    // Nothing more can be cut: the shrinkable columns at their least, and lines that are too long.
    room = widths(Terminal::kUnlimited);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].shrink_to > 0) room[i] = std::min(room[i], columns_[i].shrink_to);
    }
  }
  std::string out;
  const auto line = [&](auto text_of, auto style_of) {
    std::string pending;  // blanks, written only when text follows
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string text = fit(text_of(i), room[i], unicode);
      const std::size_t used = std::min(display_width(text), room[i]);
      const std::string pad(room[i] - used, ' ');
      if (columns_[i].right) pending += pad;
      if (!text.empty()) {
        out += pending;
        pending.clear();
        append_styled(out, style_of(i), text, styles);
      }
      if (!columns_[i].right) pending += pad;
      pending.append(kGap, ' ');
    }
    out += '\n';
  };
  line([&](std::size_t i) { return std::string_view(columns_[i].title); },
       [](std::size_t) { return Style::kDim; });
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return std::string_view(row[i].text); },
         [&](std::size_t i) { return row[i].style; });
  }
  return out;
}

std::string Table::stacked(std::size_t width, bool styles, bool unicode) const {
  std::size_t left = 0;
  for (const Column& column : columns_) left = std::max(left, display_width(column.title));
  const std::size_t room = width > left + kGap + 8 ? width - left - kGap : 8;
  std::string out;
  for (const auto& row : rows_) {
    if (!out.empty()) out += '\n';
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (row[i].text.empty()) continue;
      append_styled(out, Style::kDim, columns_[i].title, styles);
      out.append(left - display_width(columns_[i].title) + kGap, ' ');
      append_styled(out, row[i].style, fit(row[i].text, room, unicode), styles);
      out += '\n';
    }
  }
  return out;
}

void Table::print(Terminal& terminal) const {
  terminal.out(render(terminal.table_width(), terminal.out_styles(), terminal.unicode()));
}

}  // namespace sighter::cli
