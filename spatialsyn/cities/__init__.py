"""Who, where and when: boundaries, panels and the data that come with the package."""
