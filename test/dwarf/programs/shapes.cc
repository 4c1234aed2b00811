// Names that need demangling: namespaces, templates, classes, operators, lambdas; and traps inside them.
namespace geometry {
template <typename T> struct Point {
  T x, y;
  T dot(const Point &o) const { return x * o.x + y * o.y; }
  T operator/(T d) const { return x / d; }
};

class Shape {
public:
  virtual ~Shape() = default;
  virtual int area(int unit) const = 0;
};

class Square final : public Shape {
public:
  explicit Square(int side) : side_(side) {}
  int area(int unit) const override { return side_ * side_ / unit; }

private:
  int side_;
};

namespace {
template <typename F> int apply(F f, int n) { return f(n) + 1; }
} // namespace

__attribute__((noinline)) int measure(const Shape &s, int unit) { return s.area(unit); }
} // namespace geometry

void operator delete(void *) noexcept {}
extern "C" int __cxa_pure_virtual() { __builtin_trap(); }
extern "C" int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }

extern "C" __attribute__((export_name("area"))) int area(int side, int unit) {
  return geometry::measure(geometry::Square(side), unit);
}

extern "C" __attribute__((export_name("quotient"))) int quotient(int n, int d) {
  geometry::Point<int> p{n, n};
  return geometry::apply([&](int k) { return p / (d + k - n); }, n) + p.dot(p);
}
