"""Values in the order in which they came, and the sum of those before one: each in logarithmic time (a Fenwick tree)."""


class PrefixSums:
    def __init__(self) -> None:
        self._sums = [0.0]  # at n: of the values from n - (n & -n) + 1 to n

    def __len__(self) -> int:
        """Of all that were ever added."""
        return len(self._sums) - 1

    def add(self, value: float) -> int:
        """Behind all others. Returns its place, which `remove()` and `before()` want."""
        place = len(self._sums)
        below = 1
        while below < place & -place:
            value += self._sums[place - below]
            below <<= 1
        self._sums.append(value)
        return place

    def remove(self, place: int, value: float) -> None:
        """`value`: as it was added."""
        while place < len(self._sums):
            self._sums[place] -= value
            place += place & -place

    def before(self, place: int) -> float:
        total = 0.0
        place -= 1
        while place > 0:
            total += self._sums[place]
            place -= place & -place
        return max(0.0, total)
